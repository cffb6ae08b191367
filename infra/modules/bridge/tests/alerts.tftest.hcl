# Metrics, alerts and the dashboard, over a mocked provider. tests/infra reads the plans, and feeds them
# with log lines.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  project_id     = "test-project"
  source_archive = { path = "functions.zip", hash = "0123abcd" }
  topology       = jsondecode(file("../../topology.json"))
}

run "default" {
  command = plan
}

# A second bridge in the project, with schedules of different length.
run "second" {
  command = plan

  variables {
    prefix   = "two-"
    archive  = {}
    bigquery = {}
    streams = {
      fast   = { run_id = "run_1" }
      medium = { run_id = "run_2", schedule = "*/30 * * * *" }
      long   = { run_id = "run_3", window_seconds = 1700 }
      daily  = { run_id = "run_4", schedule = "0 6 * * *" }
    }
  }

  assert {
    condition     = jsondecode(local.environments["canary"].CANARY_STREAM_SECONDS) == { fast = 900, medium = 5400, long = 5220, daily = 259200 }
    error_message = "The canary must give a stream three intervals of its schedule."
  }
}
