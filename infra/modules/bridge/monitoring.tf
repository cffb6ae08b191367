# Log-based metrics of the functions, and alerts on them.

locals {
  _metrics = {
    windows = {
      description = "Windows of VideoVector's stream"
      filter      = "jsonPayload.event=\"drain.window_closed\""
      labels      = { outcome = "outcome", stop_reason = "stop_reason", stream = "stream" }
    }
    rejected = {
      description = "Rejected messages"
      filter      = "jsonPayload.event=~\"\\.rejected$\""
      labels      = { action = "action", code = "code", reason = "reason" }
    }
    deliveries = {
      description = "Deliveries of VideoVector's webhooks"
      filter      = "jsonPayload.event=~\"^webhook\\.\""
      labels      = { event = "event", status = "status" }
    }
    faults = {
      description = "Wrong settings and bugs of the bridge"
      filter      = "severity=CRITICAL AND jsonPayload.event:*"
      labels      = { event = "event" }
    }
  }

  # The names of log-based metrics in PromQL.
  _metric_names = { for name in concat(keys(local._metrics), ["cursor_age"]) : name => "${var.prefix}videovector_${name}" }
  _promql       = { for name, id in local._metric_names : name => "logging_googleapis_com:user_${replace(id, "-", "_")}" }
  _from_logs    = "monitored_resource=\"cloud_run_revision\""
  _pushed       = join("|", [for each in google_pubsub_subscription.push : each.name])

  _alerts = {
    credential-refused = {
      title    = "VideoVector refuses the API key"
      severity = "CRITICAL"
      query    = "sum by (stream) (increase(${local._promql.windows}{${local._from_logs},stop_reason=~\"credential_refused|scope_refused\"}[10m])) > 0"
      minutes  = 0
      todo     = "Check whether the key was revoked or lost a scope (draining needs `read`, markers `write`, deleting them `admin`). Store a new one: `gcloud secrets versions add ${var.api_key_secret} --data-file=-`. No deployment is needed: the next window reads it and resumes at the cursor."
    }
    cursor-refused = {
      title    = "VideoVector no longer knows the cursor, or a stream's filters or API host changed"
      severity = "CRITICAL"
      query    = "sum by (stream) (increase(${local._promql.windows}{${local._from_logs},stop_reason=~\"cursor_refused|filters_changed|host_changed\"}[10m])) > 0"
      minutes  = 0
      todo     = "Events between the cursor and now may be lost, so draining stops until you decide. Set `cursor_policy = \"earliest\"` for the stream to publish every event that VideoVector still has, or `\"latest\"` to start from now; both publish a `bridge.stream.gap` event. After a change of filters or host, a new stream name works too. The old cursor is in Firestore, `streams/NAME`."
    }
    cursor-age = {
      title    = "Events are late"
      severity = "ERROR"
      query    = "histogram_quantile(0.5, sum by (stream, le) (rate(${local._promql.cursor_age}_bucket{${local._from_logs}}[10m]))) > ${var.alerts.cursor_age_seconds}"
      minutes  = 10
      todo     = "Read the newest `drain.window_closed` lines; `stop_reason` is the reason why windows end. If it is always `max_events` or `deadline`, there are more events than a window can drain: use a longer window, or shard with STREAMS. For other reasons, see docs/operating.md."
    }
    drain-failing = {
      title    = "Draining fails"
      severity = "ERROR"
      query    = "sum by (stream, stop_reason) (increase(${local._promql.windows}{${local._from_logs},outcome=\"failed\"}[10m])) >= 5"
      minutes  = 0
      todo     = "Read `message` of the newest `drain.window_closed` line, and look up its `stop_reason` in docs/operating.md. No event is lost: the next successful window resumes at the cursor."
    }
    drain-silent = {
      title    = "Nothing is drained"
      severity = "ERROR"
      query    = "absent_over_time(${local._promql.windows}{${local._from_logs}}[30m])"
      minutes  = 0
      todo     = "Check the Cloud Scheduler jobs `${var.prefix}drain-*`: are they paused, or do they get 403 (the scheduler's account lost roles/run.invoker)? Then read the function's log."
    }
    dead-letters = {
      title    = "Messages were dead-lettered"
      severity = "ERROR"
      query    = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\",subscription_id=\"${google_pubsub_subscription.pull["dead-letters"].name}\"}) > 0"
      minutes  = 0
      todo     = "Read one: `gcloud pubsub subscriptions pull ${google_pubsub_subscription.pull["dead-letters"].name} --limit=1 --format=json`. Its attribute CloudPubSubDeadLetterSourceSubscription names the function, whose `*.retry` log lines have the reason. Fix the cause, then publish the messages to topic events again; completed effects are not repeated."
    }
    unacknowledged = {
      title    = "Messages wait for a function"
      severity = "WARNING"
      query    = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=~\"${local._pushed}\"}) > ${var.alerts.unacked_seconds}"
      minutes  = 5
      todo     = "Read the function's `*.retry` log lines. An outage of VideoVector or a rate limit ends without your action; a wrong key or a missing grant does not. If the function is only too slow, raise its `max_instances` in topology.json."
    }
    rejected = {
      title    = "Many messages are rejected"
      severity = "WARNING"
      query    = "sum by (code) (increase(${local._promql.rejected}{${local._from_logs}}[10m])) > ${var.alerts.rejected_in_10_minutes}"
      minutes  = 0
      todo     = "Read some: `gcloud pubsub subscriptions pull ${google_pubsub_subscription.pull["rejected"].name} --limit=5 --format=json`. `reason` names who can fix the cause (user, vendor or system), `code` and `detail` describe it. `videovector-bridge automations explain` shows why an automation rejects an event."
    }
    webhook-refused = {
      title    = "Deliveries with a wrong signature"
      severity = "WARNING"
      query    = "sum(increase(${local._promql.deliveries}{${local._from_logs},status=\"401\"}[10m])) > ${var.alerts.refused_in_10_minutes}"
      minutes  = 0
      todo     = "Either an unauthenticated caller sends requests, or the stored secret is no longer the webhook's. `videovector-bridge webhook test` shows which. Fix the secret with `videovector-bridge webhook rotate --secret projects/${var.project_id}/secrets/${var.prefix}videovector-webhook-secrets`; no deployment is needed."
    }
    faults = {
      title    = "Wrong settings, or a bug of the bridge"
      severity = "CRITICAL"
      query    = "sum by (event) (increase(${local._promql.faults}{${local._from_logs}}[10m])) > 0"
      minutes  = 0
      todo     = "`*.settings_wrong` names every wrong variable, and the line in an automations file; fix them and deploy. `*.crashed` is a bug of the bridge: report it with its `stack_trace`, which has no secrets. Messages are retried until then."
    }
  }
}

resource "google_logging_metric" "count" {
  for_each = local._metrics

  project          = var.project_id
  name             = local._metric_names[each.key]
  description      = each.value.description
  filter           = "resource.type=\"cloud_run_revision\" AND ${each.value.filter}"
  label_extractors = { for label, field in each.value.labels : label => "EXTRACT(jsonPayload.${field})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_metric" "cursor_age" {
  project          = var.project_id
  name             = local._metric_names["cursor_age"]
  description      = "Age of the newest drained event at the end of a window"
  filter           = "resource.type=\"cloud_run_revision\" AND jsonPayload.event=\"drain.window_closed\" AND jsonPayload.lag_seconds>=0"
  value_extractor  = "EXTRACT(jsonPayload.lag_seconds)"
  label_extractors = { stream = "EXTRACT(jsonPayload.stream)" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "s"

    labels {
      key        = "stream"
      value_type = "STRING"
    }
  }

  # From a second to four days.
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 28
      growth_factor      = 1.6
      scale              = 1
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local._alerts

  project               = var.project_id
  display_name          = "${var.prefix}videovector: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.notification_channels
  user_labels           = var.labels

  conditions {
    display_name = each.value.title

    # A log-based metric exists in Monitoring only after the first matching log line.
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "${each.value.minutes * 60}s"
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    subject   = each.value.title
    mime_type = "text/markdown"
    content   = each.value.todo
  }

  alert_strategy {
    auto_close = "3600s"
  }

  depends_on = [google_logging_metric.count, google_logging_metric.cursor_age]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = "${var.prefix}VideoVector bridge: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  user_labels  = var.labels

  depends_on = [google_project_service.this]
}

locals {
  notification_channels = concat(var.notification_channels, [for each in google_monitoring_notification_channel.email : each.name])
}
