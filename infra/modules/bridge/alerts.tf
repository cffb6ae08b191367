# Alerts: what happened, the first action, and a section of docs/operating.md.
#
# A log-based metric has a point only in a minute with a matching line, so that a sum over its points
# counts lines. Each condition may cost, so one condition is for all streams.

locals {
  _windows  = local._series.windows
  _attempts = local._series.attempts
  # For each period: its streams as a label.
  _failing_by_period = { for period, names in local._streams_by_period : "[${period}s]" => "stream=~\"${join("|", names)}\"" }
  _silent_by_period  = { for period, names in local._silence_by_period : "[${period}s]" => "stream=~\"${join("|", names)}\"" }

  _alerts = {
    credential-refused = {
      title    = "VideoVector refuses the API key"
      severity = "CRITICAL"
      query    = "sum by (stream) (sum_over_time(${local._windows},stop_reason=~\"credential_refused|scope_refused\"}[10m])) > 0"
      minutes  = 0
      what     = "VideoVector responds 401 or 403 to the requests of a stream, which is not drained."
      todo     = "Check whether the key was revoked or lost a scope (draining needs `read`, markers `write`, deleting them `admin`). Store a new one: `gcloud secrets versions add ${var.api_key_secret} --data-file=- --project=${var.project_id}`. No deployment is needed: the next window reads it and resumes at the cursor."
      runbook  = "The API key is refused"
    }
    cursor-refused = {
      title    = "A stream cannot resume at its cursor"
      severity = "CRITICAL"
      query    = "sum by (stream) (sum_over_time(${local._windows},stop_reason=~\"cursor_refused|filters_changed|host_changed\"}[10m])) > 0"
      minutes  = 0
      what     = "VideoVector does not know the cursor, or the filters or the API host of the stream changed. Events after the cursor may be lost, so draining stops until you decide."
      todo     = "Set `cursor_policy = \"earliest\"` for the stream to publish every event that VideoVector still has, or `\"latest\"` to start from now; both publish a `bridge.stream.gap` event. After a change of filters or host, a new stream name works too."
      runbook  = "The cursor is refused"
    }
    cursor-age = {
      title    = "Events are late"
      severity = "ERROR"
      query = join(" or ", [
        for range, streams in local._failing_by_period :
        "histogram_quantile(0.5, sum by (stream, le) (rate(${local._promql.cursor_age}_bucket{${local._from_logs},${streams}}${range}))) > ${var.alerts.cursor_age_seconds}"
      ])
      minutes = 10
      what    = "At the end of most windows, the newest drained event of the stream is older than ${var.alerts.cursor_age_seconds} seconds."
      todo    = "Read the newest `drain.window_closed` lines; `stop_reason` is the reason why windows end. If it is always `max_events` or `deadline`, there are more events than a window can drain: use a longer window, or shard with `streams`."
      runbook = "Events are late"
    }
    drain-failing = {
      title    = "Draining fails"
      severity = "ERROR"
      query = join(" or ", [
        for range, streams in local._failing_by_period : join(" ", [
          "(sum by (stream) (sum_over_time(${local._windows},${streams},outcome=\"failed\"}${range})) > 0",
          "unless sum by (stream) (sum_over_time(${local._windows},${streams},outcome=~\"drained|idle|paused\"}${range})) > 0)",
        ])
      ])
      minutes = 5
      what    = "Windows of the stream failed, and none succeeded over three intervals of its schedule (10 minutes to a day)."
      todo    = "Read `message` of the newest `drain.window_closed` line, and look up its `stop_reason` in the runbook. No event is lost: the next successful window resumes at the cursor."
      runbook = "Draining fails"
    }
    drain-silent = {
      title    = "A stream is not drained"
      severity = "ERROR"
      query = join(" or ", [
        for range, streams in local._silent_by_period : join(" ", [
          "((sum by (stream) (sum_over_time(${local._windows},${streams}}[${local._memory_seconds}s])) > 0",
          "or sum by (stream) (sum_over_time(${local._attempts},${streams}}${range})) > 2)",
          "unless sum by (stream) (sum_over_time(${local._windows},${streams}}${range})) > 0)",
        ])
      ])
      minutes = local._silent_minutes
      what    = "No window of the stream ended over three intervals of its schedule (at least 10 minutes), although earlier windows did, or although Cloud Scheduler called `${var.prefix}drain`. The alert ends by itself a day after the last window, because metrics of logs are not read further back."
      todo    = "Check the Cloud Scheduler job `${var.prefix}drain-STREAM` (a live stream has a second one, `${var.prefix}drain-STREAM_odd`): is it paused, or does it get 403 (its account lost roles/run.invoker)? Then read the log of the function `${var.prefix}drain`: a process that died logs no window."
      runbook = "A stream is not drained"
    }
    dead-letters = {
      title    = "Messages were dead-lettered"
      severity = "ERROR"
      query    = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{${local._dead_letters}}) > 0"
      minutes  = 0
      what     = "A function did not acknowledge a message over half a day of redeliveries. The subscription `${google_pubsub_subscription.pull["dead-letters"].name}` keeps it for 31 days."
      todo     = "`videovector-bridge dead-letters list ${local._target}` names the functions, whose `*.retry` log lines have the reason. Fix the cause. Then `videovector-bridge dead-letters redrive --all ${local._target}` publishes the messages to topic `${google_pubsub_topic.this["events"].name}` again; completed effects are not repeated."
      runbook  = "Redrive dead letters"
    }
    unacknowledged = {
      title    = "Messages wait for a function"
      severity = "WARNING"
      query    = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local._waiting}}) > ${var.alerts.unacked_seconds}"
      minutes  = 5
      what     = "A message has waited for its function longer than ${var.alerts.unacked_seconds} seconds. It is redelivered with backoff; `reconcile` reads its own every few minutes."
      todo     = "Read the function's `*.retry` log lines. An outage of VideoVector or a rate limit ends without your action; a wrong key or a missing grant does not. If the function is only too slow, raise its `max_instances` with the variable `functions`."
      runbook  = "Messages wait for a function"
    }
    rejected = {
      title    = "Many messages are rejected"
      severity = "WARNING"
      query    = "sum by (code) (sum_over_time(${local._series.rejected}}[10m])) > ${var.alerts.rejected_in_10_minutes}"
      minutes  = 0
      what     = "More than ${var.alerts.rejected_in_10_minutes} messages were rejected with the same code in 10 minutes. They are on topic `${google_pubsub_topic.this["rejected"].name}`."
      todo     = "`videovector-bridge rejected list ${local._target}` counts them by code, and `rejected show ID` has `detail` and what to do. `reason` names who can fix the cause (user, vendor or system). `videovector-bridge automations explain` shows why an automation rejects an event. After the fix, `videovector-bridge rejected redrive --code CODE ${local._target}` publishes them again."
      runbook  = "Many messages are rejected"
    }
    webhook-refused = {
      title    = "Deliveries with a wrong signature"
      severity = "WARNING"
      query    = "sum(sum_over_time(${local._series.deliveries},status=\"401\"}[10m])) > ${var.alerts.refused_in_10_minutes}"
      minutes  = 0
      what     = "More than ${var.alerts.refused_in_10_minutes} requests to `${var.prefix}receive-webhook` got 401 in 10 minutes."
      todo     = "Either an unauthenticated caller sends requests, or the stored secret is no longer the webhook's. `videovector-bridge webhook test` shows which. Fix the secret with `videovector-bridge webhook rotate --secret projects/${var.project_id}/secrets/${var.prefix}videovector-webhook-secrets`; no deployment is needed."
      runbook  = "Deliveries with a wrong signature"
    }
    # Cloud Run counts every response, also where the process died or no instance was free.
    webhook-unavailable = {
      title    = "Deliveries get 5xx"
      severity = "ERROR"
      query = join(" ", [
        "sum(sum_over_time(run_googleapis_com:request_count{${local._receiver},response_code=~\"429|5..\"}[10m]))",
        "- (sum(sum_over_time(${local._series.deliveries},event=~\"webhook.(rotating|paused)\"}[10m])) or vector(0)) > ${var.alerts.unavailable_in_10_minutes}",
      ])
      minutes = 5
      what    = "More than ${var.alerts.unavailable_in_10_minutes} requests to `${var.prefix}receive-webhook` got 5xx or 429 in 10 minutes, those during a rotation of the secret or a pause not counted. VideoVector retries a delivery, and after many failures disables the webhook."
      todo    = "Read the lines `webhook.*` with status 503 in the log of `${var.prefix}receive-webhook`; the runbook lists what to do for each. Without such lines the process died or no instance was free: read the lines of Cloud Run there."
      runbook = "Deliveries get 5xx"
    }
    instances-crash = {
      title    = "Processes of a function die"
      severity = "ERROR"
      query    = "sum by (service_name) (sum_over_time(${local._series.crashes}}[10m])) > 0"
      minutes  = 0
      what     = "A process of the function ran out of memory or crashed, and logged nothing about it. Its requests are retried: no event is lost."
      todo     = "Read the lines of Cloud Run in the function's log. After `Memory limit ... exceeded`, give the function more memory with the variable `functions`; for anything else, report the lines as a bug."
      runbook  = "Processes of a function die"
    }
    faults = {
      title    = "Wrong settings, or a bug of the bridge"
      severity = "CRITICAL"
      query    = "sum by (event) (sum_over_time(${local._series.faults}}[10m])) > 0"
      minutes  = 0
      what     = "A function logged `*.settings_wrong` or `*.crashed`. Its messages and windows are retried until it is fixed."
      todo     = "`*.settings_wrong` names every wrong variable, and the line in an automations file; fix them and deploy. `*.crashed` is a bug of the bridge: report it with its `stack_trace`, which has no secrets."
      runbook  = "Wrong settings and bugs"
    }
    channel-dead = {
      title    = "A channel is dead"
      severity = "ERROR"
      query    = "sum by (channel) (sum_over_time(${local._series.checks},outcome=\"dead\"}[${local._canary_seconds}s])) > 0"
      minutes  = 0
      what     = "The canary had no sign of life from the channel, a stream or a webhook: it is not merely quiet. VideoVector sends heartbeats while a stream has no events, and the canary sends a test delivery to each webhook."
      todo     = "Read the newest line `canary.dead` of the channel: `detail` is what the canary saw, and `what_to_do` the first action. The alert ends after a run of the canary without the finding."
      runbook  = "A channel is dead"
    }
    # Not by the windows of streams: only the canary knows the pause of the webhook channel.
    paused-long = {
      title    = "A pause lasts long"
      severity = "WARNING"
      query = join(" ", [
        "sum by (channel) (sum_over_time(${local._series.checks},outcome=\"paused\"}${local._pause_range})) > 0",
        "unless sum by (channel) (sum_over_time(${local._series.checks},outcome=~\"alive|dead|absent|unknown\"}${local._pause_range})) > 0",
      ])
      minutes = 0
      what    = "A stream or the webhook channel has been paused for longer than ${var.alerts.paused_seconds} seconds. VideoVector keeps events and retries deliveries for a limited time, which it does not document: then they are lost."
      todo    = "`videovector-bridge status ${local._target}` says who paused it and why. Once the reason is gone: `videovector-bridge resume STREAM ${local._target}`, or `resume webhook`; for a webhook that is paused at VideoVector, `videovector-bridge webhook ensure`."
      runbook = "A pause lasts long"
    }
    checks-failing = {
      title    = "The checks fail"
      severity = "WARNING"
      query = join(" or ", [
        for function, range in local._check_ranges : join(" ", [
          "(sum by (function) (sum_over_time(${local._series.checks},function=\"${function}\",outcome=\"failed\"}${range})) > 2",
          "unless sum by (function) (sum_over_time(${local._series.checks},function=\"${function}\",outcome=~\"done|alive|dead|absent|paused|unknown\"}${range})) > 0)",
        ])
      ])
      minutes = 0
      what    = "Three runs of `reconcile` or `canary` failed, and none succeeded. Events still arrive, but nobody notices a missing one or a dead channel."
      todo    = "Read `message` of the newest line `reconcile.failed` or `canary.failed`. An outage of VideoVector ends without your action; a refused key or a missing grant does not."
      runbook = "The checks fail"
    }
    repairs = {
      title    = "Events do not arrive"
      severity = "WARNING"
      query    = "sum(sum_over_time(${local._series.repairs}}[1h])) > ${var.alerts.repairs_in_an_hour}"
      minutes  = 0
      what     = "More than ${var.alerts.repairs_in_an_hour} runs of `reconcile` in an hour published events in place of those that never came. Automations act on them as on the real ones, but minutes later."
      todo     = "Read `repaired_ids` of the lines `reconcile.done`. `videovector-bridge webhook deliveries --failed` lists failed deliveries; without any, report the runs and videos to VideoVector."
      runbook  = "Events do not arrive"
    }
    copies-stalled = {
      title    = "Copies of events stall"
      severity = "WARNING"
      query    = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local._copying}}) > ${var.alerts.copies_seconds}"
      minutes  = 5
      what     = "Pub/Sub has not written an event to BigQuery or to the archive for ${var.alerts.copies_seconds} seconds. It retries for 7 days, and then the copy lacks the event."
      todo     = "Describe the subscription that the alert names: `gcloud pubsub subscriptions describe NAME --project=${var.project_id}`. Its `state` names what is missing; most often, the table's schema or a grant was changed by hand, which `make deploy` restores."
      runbook  = "Copies of events stall"
    }
  }

  # Options of the commands of `videovector-bridge` for this deployment.
  _target = join("", ["--project=${var.project_id}", var.prefix == "" ? "" : " --prefix=${var.prefix}"])

  # How far back `drain-silent` looks for an earlier window: with its duration, 25 hours at most.
  _silent_minutes = 10
  _memory_seconds = 25 * local._hour - 2 * 60 * local._silent_minutes

  # A finding of the canary lasts until its next run; three runs of a check decide whether it fails.
  _canary_seconds = 60 * local.schedules.canary.every_minutes + 600
  _pause_range    = "[${max(var.alerts.paused_seconds, 2 * local._canary_seconds)}s]"
  _check_ranges   = { for name, each in local.schedules : each.function => "[${180 * each.every_minutes + 300}s]" }

  # Alerts that this deployment has nothing for.
  _unused_alerts = concat(
    length(local._silent_by_period) == 0 ? ["drain-silent"] : [],
    length(local._copies) == 0 ? ["copies-stalled"] : [],
  )
}

resource "google_monitoring_alert_policy" "this" {
  for_each = { for name, each in local._alerts : name => each if !contains(local._unused_alerts, name) }

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
    subject   = "${var.prefix}videovector: ${each.value.title}"
    mime_type = "text/markdown"
    content   = "${each.value.what}\n\n**First action.** ${each.value.todo}\n\n**Runbook.** docs/operating.md, section \"${each.value.runbook}\"."
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

  depends_on = [google_logging_metric.count, google_logging_metric.cursor_age]
}
