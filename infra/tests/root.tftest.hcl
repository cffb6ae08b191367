# The root module: the package and the bridge together, over mocked providers.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mocks"
}

mock_provider "archive" {
  override_during = plan
}

variables {
  project_id = "test-project"
}

run "with_variables" {
  command = plan

  variables {
    archive = { retention_days = 30 }
    budget  = { billing_account = "01ABCD-23EF45-67AB89", amount = 50 }
    prefix  = "two-"
    streams = { runs = { event_types = ["processing.run_completed"] }, videos = { event_types = ["processing.video_completed"] } }
  }

  assert {
    condition     = output.source_hash == module.package.archive.hash && keys(output.functions) == keys(module.package.topology.functions)
    error_message = "The root must deploy the functions of this repository."
  }

  assert {
    condition     = output.database == "two-videovector" && keys(output.drain_commands) == ["runs", "videos"] && output.buckets.archive == "test-project-two-videovector-archive"
    error_message = "Variables must reach modules/bridge."
  }

  assert {
    condition     = endswith(output.drain_commands.runs, "--location=us-central1")
    error_message = "A variable that is not set must have the default of modules/bridge."
  }
}
