# Metrics, alerts and the dashboard, planned over mocked providers: no request is made. tests/infra
# reads the plans, and feeds them with log lines.

mock_provider "google" {
  override_during = plan

  mock_resource "google_service_account" {
    defaults = {
      email  = "made-up@test-project.iam.gserviceaccount.com"
      id     = "projects/test-project/serviceAccounts/made-up@test-project.iam.gserviceaccount.com"
      member = "serviceAccount:made-up@test-project.iam.gserviceaccount.com"
      name   = "projects/test-project/serviceAccounts/made-up@test-project.iam.gserviceaccount.com"
    }
  }
}

mock_provider "archive" {
  override_during = plan
}

variables {
  project_id = "test-project"
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
}
