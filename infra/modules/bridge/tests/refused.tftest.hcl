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
