# The validation of each variable refuses wrong values.

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

run "api_base_url_with_a_query" {
  command = plan

  variables {
    api_base_url = "https://x.example/api?key=1"
  }

  expect_failures = [var.api_base_url]
}

run "api_base_url_without_tls" {
  command = plan

  variables {
    api_base_url = "http://x.example/api"
  }

  expect_failures = [var.api_base_url]
}

run "api_key_secret_with_its_full_name" {
  command = plan

  variables {
    api_key_secret = "projects/p/secrets/s" # pragma: allowlist secret
  }

  expect_failures = [var.api_key_secret]
}

run "alerts_with_a_threshold_of_zero" {
  command = plan

  variables {
    alerts = { cursor_age_seconds = 0 }
  }

  expect_failures = [var.alerts]
}

run "archive_for_zero_days" {
  command = plan

  variables {
    archive = { retention_days = 0 }
  }

  expect_failures = [var.archive]
}

run "automations_file_that_does_not_exist" {
  command = plan

  variables {
    automations_file = "no/such/file.toml"
  }

  expect_failures = [var.automations_file]
}

run "bigquery_with_a_bad_name" {
  command = plan

  variables {
    bigquery = { dataset = "a-b" }
  }

  expect_failures = [var.bigquery]
}

run "budget_without_an_account" {
  command = plan

  variables {
    budget = { billing_account = "mine", amount = 5 }
  }

  expect_failures = [var.budget]
}

run "environment_with_a_secret" {
  command = plan

  variables {
    environment = { all = { VIDEO_VECTOR_API_KEY = "sk" } } # pragma: allowlist secret
  }

  expect_failures = [var.environment]
}

run "environment_of_an_unknown_function" {
  command = plan

  variables {
    environment = { drian = { LANES = "2" } }
  }

  expect_failures = [var.environment]
}

run "firestore_with_a_bad_name" {
  command = plan

  variables {
    firestore = { database = "X" }
  }

  expect_failures = [var.firestore]
}

run "kms_key_by_its_short_name" {
  command = plan

  variables {
    kms_key = "k"
  }

  expect_failures = [var.kms_key]
}

run "notification_channel_with_an_email_address" {
  command = plan

  variables {
    notification_channels = ["me@example.com"]
  }

  expect_failures = [var.notification_channels]
}

run "prefix_without_a_hyphen" {
  command = plan

  variables {
    prefix = "two"
  }

  expect_failures = [var.prefix]
}

run "previews_for_zero_days" {
  command = plan

  variables {
    previews = { retention_days = 0 }
  }

  expect_failures = [var.previews]
}

run "project_by_its_number" {
  command = plan

  variables {
    project_id = "123456"
  }

  expect_failures = [var.project_id]
}

run "region_that_is_a_zone" {
  command = plan

  variables {
    region = "us-central1-a"
  }

  expect_failures = [var.region]
}

run "streams_none" {
  command = plan

  variables {
    streams = {}
  }

  expect_failures = [var.streams]
}

run "streams_with_a_bad_name" {
  command = plan

  variables {
    streams = { "A b" = {} }
  }

  expect_failures = [var.streams]
}

run "streams_with_a_window_above_the_limit" {
  command = plan

  variables {
    streams = { default = { window_seconds = 1701 } }
  }

  expect_failures = [var.streams]
}

run "streams_idle_for_longer_than_a_window" {
  command = plan

  variables {
    streams = { default = { window_seconds = 5, idle_seconds = 6 } }
  }

  expect_failures = [var.streams]
}

run "streams_with_an_unknown_policy" {
  command = plan

  variables {
    streams = { default = { cursor_policy = "newest" } }
  }

  expect_failures = [var.streams]
}

run "streams_that_start_at_an_unknown_word" {
  command = plan

  variables {
    streams = { default = { start_from = "Latest" } }
  }

  expect_failures = [var.streams]
}

run "streams_that_start_at_an_invalid_id" {
  command = plan

  variables {
    streams = { default = { start_from = "id " } }
  }

  expect_failures = [var.streams]
}

run "streams_with_the_same_filters" {
  command = plan

  variables {
    streams = { a = { event_types = ["x", "y"], video_ids = [] }, b = { event_types = ["y", "x"], max_events = 5 } }
  }

  expect_failures = [var.streams]
}

run "streams_without_a_schedule" {
  command = plan

  variables {
    streams = { default = { schedule = "every minute" } }
  }

  expect_failures = [var.streams]
}

run "bigquery_for_zero_days" {
  command = plan

  variables {
    bigquery = { retention_days = 0 }
  }

  expect_failures = [var.bigquery]
}

run "environment_that_has_a_variable" {
  command = plan

  variables {
    environment = { drain = { EVENTS_TOPIC = "other" } }
  }

  expect_failures = [var.environment]
}

run "labels_in_capitals" {
  command = plan

  variables {
    labels = { Team = "media" }
  }

  expect_failures = [var.labels]
}

run "previews_with_a_url_as_bucket" {
  command = plan

  variables {
    previews = { bucket = "gs://mine" }
  }

  expect_failures = [var.previews]
}

run "signed_url_buckets_with_a_url" {
  command = plan

  variables {
    signed_url_buckets = ["gs://mine"]
  }

  expect_failures = [var.signed_url_buckets]
}

run "storage_regions_none" {
  command = plan

  variables {
    storage_regions = []
  }

  expect_failures = [var.storage_regions]
}

run "storage_regions_with_a_continent" {
  command = plan

  variables {
    storage_regions = ["eu"]
  }

  expect_failures = [var.storage_regions]
}

run "streams_with_a_lease_above_an_hour" {
  command = plan

  variables {
    streams = { default = { lease_seconds = 3601 } }
  }

  expect_failures = [var.streams]
}

run "streams_with_a_limit_of_zero_events" {
  command = plan

  variables {
    streams = { default = { max_events = 0 } }
  }

  expect_failures = [var.streams]
}

run "webhook_ids_with_a_comma" {
  command = plan

  variables {
    webhook_ids = ["wh_1,wh_2"]
  }

  expect_failures = [var.webhook_ids]
}
