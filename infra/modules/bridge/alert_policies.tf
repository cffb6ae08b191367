# The policies of the alerts in alerts.tf.

locals {
  _by_line  = { for name, each in local._alerts : name => each if each.line != null && !(local._counts && length(each.queries) > 0) }
  _by_query = { for name, each in local._alerts : name => each if length(each.queries) > 0 && (local._counts || (each.line == null && each.level == "essential")) }
  # Google accepts six conditions in a policy: an alert with more has several policies.
  _query_policies = merge([
    for name, each in local._by_query : {
      for index, queries in chunklist(each.queries, 6) : (index == 0 ? name : "${name}-${index + 1}") => { alert = name, queries = queries }
    }
  ]...)

  # What an incident is about, in the variables of a notification.
  _subjects = merge(
    { for name, each in local._by_line : name => [for label in keys(each.line.by) : "${label} $${log.extracted_label.${label}}"] },
    { for name, each in local._by_query : name => [for label in each.queries[0].by : "${label} $${metric_or_resource.label.${label}}"] },
  )
  _texts = {
    for name, each in local._alerts : name => join("\n\n", [
      join(" ", concat([each.what], length(lookup(local._subjects, name, [])) > 0 ? ["This alert: ${join(", ", local._subjects[name])}."] : [])),
      "**First action.** ${each.todo}",
      "**Runbook.** docs/operating.md, section \"${each.runbook}\".",
    ])
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local._query_policies

  project               = var.project_id
  display_name          = "${var.prefix}videovector: ${local._alerts[each.value.alert].title}"
  combiner              = "OR"
  severity              = local._alerts[each.value.alert].severity
  notification_channels = local.notification_channels
  user_labels           = var.labels

  dynamic "conditions" {
    for_each = each.value.queries

    content {
      display_name = local._alerts[each.value.alert].title

      # A log-based metric exists in Monitoring only after the first matching log line.
      condition_prometheus_query_language {
        query                     = conditions.value.query
        duration                  = "${conditions.value.seconds}s"
        evaluation_interval       = "${conditions.value.every}s"
        disable_metric_validation = true
      }
    }
  }

  documentation {
    subject   = join(": ", concat(["${var.prefix}videovector", local._alerts[each.value.alert].title], local._subjects[each.value.alert]))
    mime_type = "text/markdown"
    content   = local._texts[each.value.alert]
  }

  alert_strategy {
    auto_close = "3600s"
  }

  lifecycle {
    precondition {
      condition     = length(setsubtract(keys(var.alerts.intervals_seconds), keys(var.streams))) == 0
      error_message = "alerts.intervals_seconds must name streams: ${join(", ", keys(var.streams))}."
    }
  }

  # A stream that nothing drains yet would raise an alert.
  depends_on = [google_cloud_scheduler_job.drain, google_logging_metric.count, google_logging_metric.cursor_age]
}

resource "google_monitoring_alert_policy" "line" {
  for_each = local._by_line

  project               = var.project_id
  display_name          = "${var.prefix}videovector: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.notification_channels
  user_labels           = var.labels

  conditions {
    display_name = each.value.title

    condition_matched_log {
      filter           = each.value.line.filter
      label_extractors = each.value.line.by
    }
  }

  documentation {
    subject   = join(": ", concat(["${var.prefix}videovector", each.value.title], local._subjects[each.key]))
    mime_type = "text/markdown"
    content   = local._texts[each.key]
  }

  # Google needs a limit for each combination of labels.
  alert_strategy {
    auto_close = "7200s"

    notification_rate_limit {
      period = "${3600 * each.value.line.hours}s"
    }
  }

  depends_on = [google_project_service.this]
}
