# Each example plans, over mocked providers.

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

run "minimal" {
  command = plan

  module {
    source = "./examples/minimal"
  }

  assert {
    condition     = startswith(output.webhook_command, "videovector-bridge webhook ensure --url https://function.example --secret projects/test-project/secrets/")
    error_message = "The example must show how to register the webhook."
  }
}

run "two_streams" {
  command = plan

  module {
    source = "./examples/two-streams"
  }

  assert {
    condition     = keys(output.drain_commands) == ["completions", "failures"]
    error_message = "Each stream must have a job of its own."
  }
}

run "two_environments" {
  command = plan

  module {
    source = "./examples/two-environments"
  }

  assert {
    condition     = keys(output.webhook_commands) == ["production", "staging"] && output.webhook_commands.production != output.webhook_commands.staging
    error_message = "Each environment must have a webhook of its own."
  }
}

run "everything" {
  command = plan

  module {
    source = "./examples/everything"
  }

  variables {
    billing_account = "01ABCD-23EF45-67AB89"
    kms_key         = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
  }

  assert {
    condition     = output.buckets == { archive = "test-project-media-videovector-archive", claims = "test-project-media-videovector-claims", previews = "test-project-media-previews", source = "test-project-media-videovector-source" }
    error_message = "Every bucket must have its name."
  }
}
