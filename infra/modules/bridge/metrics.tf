# Log-based metrics of this deployment's functions, and their names in PromQL.
#
# A filter names the functions, because several bridges may share a project. Patterns have
# `[.]` for a dot: a backslash would need escapes in HCL and in the query language of Cloud Logging.

locals {
  _services = [for name in keys(local.functions) : "${var.prefix}${name}"]
  # Lines of the functions, and lines of Cloud Run about them.
  _of_functions = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.location=\"${var.region}\"",
    "resource.labels.service_name=~\"^(${join("|", local._services)})$\"",
  ])

  _metrics = {
    windows = {
      description = "Windows of VideoVector's stream"
      filter      = "${local._of_functions} AND jsonPayload.event=\"drain.window_closed\""
      labels = {
        outcome     = "EXTRACT(jsonPayload.outcome)"
        stop_reason = "EXTRACT(jsonPayload.stop_reason)"
        stream      = "EXTRACT(jsonPayload.stream)"
      }
    }
    rejected = {
      description = "Rejected messages"
      filter      = "${local._of_functions} AND jsonPayload.event=~\"[.]rejected$\""
      labels = {
        action = "EXTRACT(jsonPayload.action)"
        code   = "EXTRACT(jsonPayload.code)"
        reason = "EXTRACT(jsonPayload.reason)"
      }
    }
    deliveries = {
      description = "Deliveries of VideoVector's webhooks"
      filter      = "${local._of_functions} AND jsonPayload.event=~\"^webhook[.]\" AND jsonPayload.status>=100"
      labels = {
        event  = "EXTRACT(jsonPayload.event)"
        status = "EXTRACT(jsonPayload.status)"
      }
    }
    # Runs of the functions that check the others. The canary has a line for each channel.
    checks = {
      description = "Runs of reconcile, and what canary says of each channel"
      filter      = "${local._of_functions} AND jsonPayload.event=~\"^(reconcile[.](done|failed)|canary[.](alive|dead|absent|paused|unknown|failed))$\""
      labels = {
        channel  = "EXTRACT(jsonPayload.channel)"
        function = "REGEXP_EXTRACT(jsonPayload.event, \"^([a-z]+)\")"
        outcome  = "REGEXP_EXTRACT(jsonPayload.event, \"([a-z]+)$\")"
      }
    }
    repairs = {
      description = "Runs of reconcile that published an event in place of one that never came"
      filter      = "${local._of_functions} AND jsonPayload.event=~\"^reconcile[.](done|failed)$\" AND jsonPayload.repaired>=1"
      labels      = {}
    }
  }

  metric_names = { for name in concat(keys(local._metrics), ["cursor_age"]) : name => "${var.prefix}videovector_${name}" }
  _promql      = { for name, id in local.metric_names : name => "logging_googleapis_com:user_${replace(id, "-", "_")}" }

  # A project may see the metrics of others that it monitors.
  _in_project = "project_id=\"${var.project_id}\""
  _from_logs  = "monitored_resource=\"cloud_run_revision\",${local._in_project}"
  # Series of the counters, left open for more labels: "${local._series.windows},outcome=\"failed\"}".
  _series = { for name in keys(local._metrics) : name => "${local._promql[name]}{${local._from_logs}" }

  # Subscriptions that are read much more often than their alert looks.
  _read_often = [
    for key, each in google_pubsub_subscription.reader : each.name if anytrue([
      for name, schedule in local.schedules : schedule.enabled && schedule.function == local.reader_subscriptions[key].reader
      && 180 * schedule.every_minutes <= var.alerts.unacked_seconds
    ])
  ]

  # The resources of this deployment.
  _copies        = concat(google_pubsub_subscription.bigquery[*].name, google_pubsub_subscription.archive[*].name)
  _pushed        = [for each in google_pubsub_subscription.push : each.name]
  _read          = [for each in google_pubsub_subscription.reader : each.name]
  _subscription  = "monitored_resource=\"pubsub_subscription\",${local._in_project}"
  _push          = "${local._subscription},subscription_id=~\"${join("|", local._pushed)}\""
  _subscriptions = "${local._subscription},subscription_id=~\"${join("|", concat(local._pushed, local._read, local._copies))}\""
  _dead_letters  = "${local._subscription},subscription_id=\"${google_pubsub_subscription.pull["dead-letters"].name}\""
  _topics        = "monitored_resource=\"pubsub_topic\",${local._in_project},topic_id=~\"${join("|", [for each in google_pubsub_topic.this : each.name])}\""
  _receiver      = "${local._from_logs},location=\"${var.region}\",service_name=\"${var.prefix}receive-webhook\""
}

resource "google_logging_metric" "count" {
  for_each = local._metrics

  project          = var.project_id
  name             = local.metric_names[each.key]
  description      = each.value.description
  filter           = each.value.filter
  label_extractors = each.value.labels

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
  name             = local.metric_names["cursor_age"]
  description      = "Age of the newest drained event at the end of a window"
  filter           = "${local._of_functions} AND jsonPayload.event=\"drain.window_closed\" AND jsonPayload.lag_seconds>=0"
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
