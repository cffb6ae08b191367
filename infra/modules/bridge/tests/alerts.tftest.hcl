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

# All alerts, which count lines.
run "counting" {
  command = plan

  variables {
    alerts = { level = "all" }
  }
}

# Streams with more lengths of a watch than a policy has conditions.
run "many_schedules" {
  command = plan

  variables {
    streams = { for minutes in [1, 5, 10, 12, 15, 20, 30] : "every-${minutes}" => { run_id = "run_${minutes}", window_seconds = 60, schedule = "*/${minutes} * * * *" } }
  }

  assert {
    condition     = { for name, each in google_monitoring_alert_policy.this : name => length(each.conditions) } == { not-drained = 6, not-drained-2 = 1, waiting = 1 }
    error_message = "A policy must have six conditions at most: Google refuses more."
  }
}

# A second bridge in the project, with schedules of different length.
run "second" {
  command = plan

  variables {
    alerts   = { level = "all" }
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
