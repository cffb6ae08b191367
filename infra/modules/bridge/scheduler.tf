# Cloud Scheduler jobs: one for each stream, two if it is live, and one for each other function with a
# schedule.

resource "google_service_account" "scheduler" {
  project      = var.project_id
  account_id   = "${var.prefix}drain-scheduler"
  display_name = "Cloud Scheduler calls functions of the VideoVector bridge"

  depends_on = [google_project_service.this]
}

resource "google_cloud_scheduler_job" "drain" {
  for_each = local.drain_jobs

  project          = var.project_id
  name             = "${var.prefix}drain-${each.key}"
  description      = trimspace("Drains the stream ${each.value.stream} for ${local.streams[each.value.stream].window_seconds} seconds at most ${each.value.when}")
  region           = var.region
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "${local.drain_seconds + 10}s"

  # No retry: the next scheduled window resumes at the cursor.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.this["drain"].service_config[0].uri
    body        = base64encode(jsonencode({ stream = each.value.stream }))
    headers     = { "Content-Type" = "application/json" }

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = google_cloudfunctions2_function.this["drain"].service_config[0].uri
    }
  }

  lifecycle {
    precondition {
      condition     = !local.streams[each.value.stream].live || (var.streams[each.value.stream].schedule == null && var.streams[each.value.stream].idle_seconds == null)
      error_message = "Stream ${each.value.stream} is live, so that a window starts each minute and lasts until the next: remove its schedule and idle_seconds, or set its profile to economy."
    }

    precondition {
      condition     = !local.streams[each.value.stream].live || local.streams[each.value.stream].window_seconds >= 60
      error_message = "Stream ${each.value.stream} is live, so that the next window starts after a minute: its window_seconds must be 60 or more."
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}

resource "google_cloud_scheduler_job" "function" {
  for_each = { for name, each in local.schedules : name => each if each.enabled }

  project          = var.project_id
  name             = "${var.prefix}${each.key}"
  description      = "Calls ${var.prefix}${each.value.function}"
  region           = var.region
  schedule         = each.value.every_minutes < 60 ? "*/${each.value.every_minutes} * * * *" : "0 */${floor(each.value.every_minutes / 60)} * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "${max(each.value.attempt_deadline_seconds, local.functions[each.value.function].resources.timeout_seconds + 10)}s"

  # No retry: the next scheduled run continues.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    body        = base64encode("{}")
    headers     = { "Content-Type" = "application/json" }

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    }
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.invoker,
    google_pubsub_subscription_iam_member.reader,
  ]
}
