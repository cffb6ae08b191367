# Alerts: what happened, the first action, and a section of docs/operating.md.
#
# Google charges for each metric in an alert's query, and for each point that the query returns, but not
# for alerts on log lines (docs/adr/20261128-two-charged-alerts.md). So an alert has one or both of:
#
# - `line`: it is raised by a line of the log, again after `hours` at most. `by` has its labels.
# - `queries`: it is raised by a query over metrics that has a value at every moment of `seconds`.
#
# `level` is the lowest value of `alerts.level` at which it exists. With "all", queries take the place of
# lines, and count.

locals {
  _windows_line = local._metrics.windows.filter
  _checks_line  = local._metrics.checks.filter
  _event        = { event = "EXTRACT(jsonPayload.event)" }
  _stream       = { stream = "EXTRACT(jsonPayload.stream)" }
  _channel      = { channel = "EXTRACT(jsonPayload.channel)" }

  _alerts = {
    credential-refused = {
      title    = "VideoVector refuses the API key"
      severity = "CRITICAL"
      level    = "essential"
      line = {
        filter = "${local._windows_line} AND jsonPayload.stop_reason=~\"^(credential_refused|scope_refused)$\""
        by     = local._stream
        hours  = 1
      }
      queries = []
      what    = "VideoVector responds 401 or 403 to the requests of a stream, which is not drained."
      todo    = "Check whether the key was revoked or lost a scope (draining needs `read`, markers `write`, deleting them `admin`). Store a new one: `gcloud secrets versions add ${var.api_key_secret} --data-file=- --project=${var.project_id}`. No deployment is needed: the next window reads it and resumes at the cursor."
      runbook = "The API key is refused"
    }
    cursor-refused = {
      title    = "A stream cannot resume at its cursor"
      severity = "CRITICAL"
      level    = "essential"
      line = {
        filter = "${local._windows_line} AND jsonPayload.stop_reason=~\"^(cursor_refused|filters_changed|host_changed)$\""
        by     = local._stream
        hours  = 1
      }
      queries = []
      what    = "VideoVector does not know the cursor, or the filters or the API host of the stream changed. Events after the cursor may be lost, so draining stops until you decide."
      todo    = "Set `cursor_policy = \"earliest\"` for the stream to publish every event that VideoVector still has, or `\"latest\"` to start from now; both publish a `bridge.stream.gap` event. After a change of filters or host, a new stream name works too."
      runbook = "The cursor is refused"
    }
    cursor-age = {
      title    = "Events are late"
      severity = "ERROR"
      level    = "essential"
      line = {
        filter = "${local._windows_line} AND jsonPayload.lag_seconds>=${var.alerts.cursor_age_seconds}"
        by     = local._stream
        hours  = 6
      }
      queries = [{
        query   = local._late_query
        by      = ["stream"]
        seconds = 600
        every   = 60
      }]
      what    = "At the end of a window, the newest drained event of the stream was older than ${var.alerts.cursor_age_seconds} seconds${local._counts ? ", and so in most windows of the last minutes" : ""}."
      todo    = "Read the newest `drain.window_closed` lines; `stop_reason` is the reason why windows end. If it is always `max_events` or `deadline`, there are more events than a window can drain: use a longer window, or shard with `streams`."
      runbook = "Events are late"
    }
    not-drained = {
      title    = "A stream is not drained"
      severity = "ERROR"
      level    = "essential"
      line     = null
      queries  = local._undrained_queries
      what     = "No window of the stream succeeded over three intervals of its schedule (15 minutes or more): its windows fail, or none runs. No event is lost: the next successful window resumes at the cursor."
      todo     = "`videovector-bridge status ${local._target}` says which. Windows that fail: look up `stop_reason` of the newest `drain.window_closed` line in the runbook. No windows: check the Cloud Scheduler job `${var.prefix}drain-STREAM` (a live stream has a second one, `${var.prefix}drain-STREAM_odd`): is it paused, or does it get 403 (its account lost roles/run.invoker)? Then read the log of the function `${var.prefix}drain`: a process that died logs no window."
      runbook  = "A stream is not drained"
    }
    waiting = {
      title    = "Messages wait"
      severity = "ERROR"
      level    = "essential"
      line     = null
      queries  = [local._waiting_query]
      what     = "A message of the subscription is not acknowledged: on `${google_pubsub_subscription.pull["dead-letters"].name}` because a function gave it up after half a day of redeliveries; on the subscription of a function for ${var.alerts.unacked_seconds} seconds; on a copy to BigQuery or to the archive for ${var.alerts.copies_seconds} seconds."
      todo     = "Of a function: read its `*.retry` log lines. An outage of VideoVector or a rate limit ends without your action; a wrong key or a missing grant does not. Dead letters: `videovector-bridge dead-letters list ${local._target}` names the functions; fix the cause, then `videovector-bridge dead-letters redrive --all ${local._target}` publishes the messages to topic `${google_pubsub_topic.this["events"].name}` again. A copy: `gcloud pubsub subscriptions describe NAME --project=${var.project_id}`; its `state` names what is missing."
      runbook  = "Messages wait"
    }
    rejected = {
      title    = "Messages are rejected"
      severity = "WARNING"
      level    = "essential"
      line = {
        filter = local._metrics.rejected.filter
        by     = { code = "EXTRACT(jsonPayload.code)" }
        hours  = 24
      }
      queries = [{
        query   = "sum by (code) (sum_over_time(${local._series.rejected}}[10m])) > ${var.alerts.rejected_in_10_minutes}"
        by      = ["code"]
        seconds = 0
        every   = 60
      }]
      what    = "${local._counts ? "More than ${var.alerts.rejected_in_10_minutes} messages were rejected with the same code in 10 minutes" : "A message was rejected with this code, the first in a day or one of several"}. They are on topic `${google_pubsub_topic.this["rejected"].name}`."
      todo    = "`videovector-bridge rejected list ${local._target}` counts them by code, and `rejected show ID` has `detail` and what to do. `reason` names who can fix the cause (user, vendor or system). `videovector-bridge automations explain` shows why an automation rejects an event. After the fix, `videovector-bridge rejected redrive --code CODE ${local._target}` publishes them again."
      runbook = "Many messages are rejected"
    }
    # A wrong secret is also a dead channel, which the canary reports.
    webhook-refused = {
      title    = "Deliveries with a wrong signature"
      severity = "WARNING"
      level    = "all"
      line     = null
      queries = [{
        query   = "sum(sum_over_time(${local._series.deliveries},status=\"401\"}[10m])) > ${var.alerts.refused_in_10_minutes}"
        by      = []
        seconds = 0
        every   = 60
      }]
      what    = "More than ${var.alerts.refused_in_10_minutes} requests to `${var.prefix}receive-webhook` got 401 in 10 minutes."
      todo    = "Either an unauthenticated caller sends requests, or the stored secret is no longer the webhook's. `videovector-bridge webhook test` shows which. Fix the secret with `videovector-bridge webhook rotate --secret projects/${var.project_id}/secrets/${var.prefix}videovector-webhook-secrets`; no deployment is needed."
      runbook = "Deliveries with a wrong signature"
    }
    # Cloud Run counts every response, also where the process died or no instance was free.
    webhook-unavailable = {
      title    = "Deliveries get 5xx"
      severity = "ERROR"
      level    = "essential"
      line = {
        filter = "${local._of_receiver} AND (jsonPayload.event=~\"^webhook[.](no_secret|secrets_unreadable|overloaded|publish_failed)$\" OR textPayload=~\"no available instance\")"
        by     = local._event
        hours  = 6
      }
      queries = [{
        query = join(" ", [
          "sum(sum_over_time(run_googleapis_com:request_count{${local._receiver},response_code=~\"429|5..\"}[10m]))",
          "- (sum(sum_over_time(${local._series.deliveries},event=~\"webhook.(rotating|paused)\"}[10m])) or vector(0)) > ${var.alerts.unavailable_in_10_minutes}",
        ])
        by      = []
        seconds = 300
        every   = 60
      }]
      what    = "${local._counts ? "More than ${var.alerts.unavailable_in_10_minutes} requests to `${var.prefix}receive-webhook` got 5xx or 429 in 10 minutes, those during a rotation of the secret or a pause not counted" : "A request to `${var.prefix}receive-webhook` got 503 or 429, other than during a rotation of the secret or a pause"}. VideoVector retries a delivery, and after many failures disables the webhook."
      todo    = "Read the lines `webhook.*` with status 503 in the log of `${var.prefix}receive-webhook`; the runbook lists what to do for each. Without such lines the process died or no instance was free: read the lines of Cloud Run there."
      runbook = "Deliveries get 5xx"
    }
    # A process that ends so logs nothing of ours. Cloud Run writes these lines, and gunicorn the last.
    instances-crash = {
      title    = "Processes of a function die"
      severity = "ERROR"
      level    = "essential"
      line = {
        filter = join("", [
          local._of_functions,
          " AND textPayload=~\"^Memory limit of .* exceeded|^Uncaught signal|^Container called exit[(][1-9]",
          "|^Container terminated on signal (4|6|7|8|9|11)[^0-9]|Worker [(]pid:[0-9]+[)] was sent SIG(ABRT|BUS|KILL|SEGV)\"",
        ])
        by    = { service_name = "EXTRACT(resource.labels.service_name)" }
        hours = 1
      }
      queries = []
      what    = "A process of the function ran out of memory or crashed, and logged nothing about it. Its requests are retried: no event is lost."
      todo    = "Read the lines of Cloud Run in the function's log. After `Memory limit ... exceeded`, give the function more memory with the variable `functions`; for anything else, report the lines as a bug."
      runbook = "Processes of a function die"
    }
    faults = {
      title    = "Wrong settings, or a bug of the bridge"
      severity = "CRITICAL"
      level    = "essential"
      line = {
        filter = "${local._of_functions} AND jsonPayload.event=~\"[.](settings_wrong|crashed)$\""
        by     = local._event
        hours  = 1
      }
      queries = []
      what    = "A function logged `*.settings_wrong` or `*.crashed`. Its messages and windows are retried until it is fixed."
      todo    = "`*.settings_wrong` names every wrong variable, and the line in an automations file; fix them and deploy. `*.crashed` is a bug of the bridge: report it with its `stack_trace`, which has no secrets."
      runbook = "Wrong settings and bugs"
    }
    channel-dead = {
      title    = "A channel is dead"
      severity = "ERROR"
      level    = "essential"
      line = {
        filter = "${local._checks_line} AND jsonPayload.event=\"canary.dead\""
        by     = local._channel
        hours  = 1
      }
      queries = []
      what    = "The canary had no sign of life from the channel, a stream or a webhook: it is not merely quiet. VideoVector sends heartbeats while a stream has no events, and the canary sends a test delivery to each webhook."
      todo    = "Read the newest line `canary.dead` of the channel: `detail` is what the canary saw, and `what_to_do` the first action. While the channel is dead, the alert is raised again, once an hour at most."
      runbook = "A channel is dead"
    }
    # Not by the windows of streams: only the canary knows the pause of the webhook channel.
    paused-long = {
      title    = "A pause lasts long"
      severity = "WARNING"
      level    = "essential"
      line = {
        filter = "${local._checks_line} AND jsonPayload.event=\"canary.paused\""
        by     = local._channel
        hours  = 24
      }
      queries = [{
        query = join(" ", [
          "sum by (channel) (sum_over_time(${local._series.checks},outcome=\"paused\"}${local._pause_range})) > 0",
          "unless sum by (channel) (sum_over_time(${local._series.checks},outcome=~\"alive|dead|absent|unknown\"}${local._pause_range})) > 0",
        ])
        by      = ["channel"]
        seconds = 0
        every   = 60
      }]
      what    = "A stream or the webhook channel ${local._counts ? "has been paused for longer than ${var.alerts.paused_seconds} seconds" : "is paused; the canary says so once a day"}. VideoVector keeps events and retries deliveries for a limited time, which it does not document: then they are lost."
      todo    = "`videovector-bridge status ${local._target}` says who paused it and why. Once the reason is gone: `videovector-bridge resume STREAM ${local._target}`, or `resume webhook`; for a webhook that is paused at VideoVector, `videovector-bridge webhook ensure`."
      runbook = "A pause lasts long"
    }
    checks-failing = {
      title    = "The checks fail"
      severity = "WARNING"
      level    = "essential"
      line = {
        filter = "${local._checks_line} AND jsonPayload.event=~\"^(reconcile|canary)[.]failed$\""
        by     = local._event
        hours  = 24
      }
      queries = [{
        query = join(" or ", [
          for function, range in local._check_ranges : join(" ", [
            "(sum by (function) (sum_over_time(${local._series.checks},function=\"${function}\",outcome=\"failed\"}${range})) > 2",
            "unless sum by (function) (sum_over_time(${local._series.checks},function=\"${function}\",outcome=~\"done|alive|dead|absent|paused|unknown\"}${range})) > 0)",
          ])
        ])
        by      = ["function"]
        seconds = 0
        every   = 60
      }]
      what    = "${local._counts ? "Three runs of `reconcile` or `canary` failed, and none succeeded" : "A run of `reconcile` or `canary` failed, the first in a day or one of several"}. Events still arrive, but nobody notices a missing one or a dead channel."
      todo    = "Read `message` of the newest line `reconcile.failed` or `canary.failed`. An outage of VideoVector ends without your action; a refused key or a missing grant does not."
      runbook = "The checks fail"
    }
    repairs = {
      title    = "Events do not arrive"
      severity = "WARNING"
      level    = "essential"
      line = {
        filter = local._metrics.repairs.filter
        by     = local._event
        hours  = 24
      }
      queries = [{
        query   = "sum(sum_over_time(${local._series.repairs}}[1h])) > ${var.alerts.repairs_in_an_hour}"
        by      = []
        seconds = 0
        every   = 60
      }]
      what    = "${local._counts ? "More than ${var.alerts.repairs_in_an_hour} runs of `reconcile` in an hour" : "A run of `reconcile`, the first in a day or one of several,"} published events in place of those that never came. Automations act on them as on the real ones, but minutes later."
      todo    = "Read `repaired_ids` of the lines `reconcile.done`. `videovector-bridge webhook deliveries --failed` lists failed deliveries; without any, report the runs and videos to VideoVector."
      runbook = "Events do not arrive"
    }
  }

  _counts = var.alerts.level == "all"

  # Options of the commands of `videovector-bridge` for this deployment.
  _target = join("", ["--project=${var.project_id}", var.prefix == "" ? "" : " --prefix=${var.prefix}"])

  # Three runs of a check decide whether it fails.
  _canary_seconds = 60 * local.schedules.canary.every_minutes + 600
  _pause_range    = "[${max(var.alerts.paused_seconds, 2 * local._canary_seconds)}s]"
  _check_ranges   = { for name, each in local.schedules : each.function => "[${180 * each.every_minutes + 300}s]" }

  _of_receiver = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.location=\"${var.region}\"",
    "resource.labels.service_name=\"${var.prefix}receive-webhook\"",
  ])
}
