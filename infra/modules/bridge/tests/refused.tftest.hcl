# Sizes that Google would refuse or that lose messages are refused by the plan. tests/infra checks the
# validation of variables, and what a deployment cannot change.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  project_id     = "test-project"
  source_archive = { path = "functions.zip", hash = "0123abcd" }
  topology       = jsondecode(file("../../topology.json"))
}

run "concurrent_requests_without_a_cpu" {
  command = plan

  variables {
    functions = { store-previews = { concurrency = 2 } }
  }

  expect_failures = [google_cloudfunctions2_function.this]
}

run "requests_that_outlast_the_ack_deadline" {
  command = plan

  variables {
    functions = { store-previews = { timeout_seconds = 121 } }
  }

  expect_failures = [google_pubsub_subscription.push]
}

run "requests_that_outlast_the_deadline_of_their_messages" {
  command = plan

  variables {
    functions = { reconcile = { timeout_seconds = 151 } }
  }

  expect_failures = [google_pubsub_subscription.reader]
}

run "an_interval_of_an_unknown_stream" {
  command = plan

  variables {
    alerts = { intervals_seconds = { defualt = 300 } }
  }

  expect_failures = [google_monitoring_alert_policy.this]
}

run "a_window_that_outlasts_its_function" {
  command = plan

  variables {
    functions = { drain = { timeout_seconds = 130 } }
    profile   = "live"
  }

  expect_failures = [google_cloudfunctions2_function.this]
}

run "a_hand_over_without_a_second_instance" {
  command = plan

  variables {
    functions = { drain = { max_instances = 1 } }
    profile   = "live"
  }

  expect_failures = [google_cloudfunctions2_function.this]
}

run "a_live_stream_with_a_schedule" {
  command = plan

  variables {
    streams = { slow = { profile = "live", schedule = "*/5 * * * *" } }
  }

  expect_failures = [google_cloud_scheduler_job.drain]
}

run "a_live_stream_with_an_idle_timeout" {
  command = plan

  variables {
    profile = "live"
    streams = { quiet = { idle_seconds = 5 } }
  }

  expect_failures = [google_cloud_scheduler_job.drain]
}

run "a_live_window_that_ends_before_the_next" {
  command = plan

  variables {
    profile = "live"
    streams = { short = { window_seconds = 59 } }
  }

  expect_failures = [google_cloud_scheduler_job.drain]
}
