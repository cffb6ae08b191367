# A Cloud Scheduler job for each stream.

resource "google_service_account" "scheduler" {
  account_id   = "${var.prefix}drain-scheduler"
  display_name = "Cloud Scheduler calls drain"

  depends_on = [google_project_service.this]
}

resource "google_cloud_scheduler_job" "drain" {
  for_each = var.streams

  name             = "${var.prefix}drain-${each.key}"
  description      = "Drains the stream ${each.key} for ${each.value.window_seconds} seconds at most"
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
    uri         = module.function["drain"].uri
    body        = base64encode(jsonencode({ stream = each.key }))
    headers     = { "Content-Type" = "application/json" }

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = module.function["drain"].uri
    }
  }
}
