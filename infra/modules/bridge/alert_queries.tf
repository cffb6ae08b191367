# Queries of alerts that are about more than one metric or subscription, in PromQL.
#
# Google charges for each metric in a query, but not for a constant: so a query has one metric, and what it
# is compared with are constants. label_replace gives a constant its label.

locals {
  _windows = local._series.windows
  # While VideoVector asks for no request, and while another window has the lease, a stream is not drained.
  _succeeded = "outcome=~\"drained|idle|paused\""

  # Streams without a window that succeeded: a condition for each length of the watch.
  _undrained_queries = concat(
    [
      for spans, streams in local._watched_streams : {
        query = join(" ", [
          "(${join(" or ", [for name in streams : "label_replace(vector(1), \"stream\", \"${name}\", \"\", \"\")"])})",
          "unless sum by (stream) (sum_over_time(${local._windows},stream=~\"${join("|", streams)}\",${local._succeeded}}[${split("/", spans)[0]}s])) > 0",
        ])
        by      = ["stream"]
        seconds = tonumber(split("/", spans)[1])
        every   = 60
      }
    ],
    # Streams that are drained too seldom for that.
    [
      for names in [join("|", local._rare_streams)] : {
        query = join(" ", [
          "sum by (stream) (sum_over_time(${local._windows},stream=~\"${names}\",outcome=\"failed\"}[${local._day}s])) > 0",
          "unless sum by (stream) (sum_over_time(${local._windows},stream=~\"${names}\",${local._succeeded}}[${local._day}s])) > 0",
        ])
        by      = ["stream"]
        seconds = 300
        every   = 60
      } if names != ""
    ],
  )

  # How long a message may wait, in seconds, by subscription. A dead letter has waited long enough.
  _wait_limits = merge(
    { for name in concat(local._pushed, local._read_often) : name => var.alerts.unacked_seconds },
    { for name in local._copies : name => var.alerts.copies_seconds },
    { (google_pubsub_subscription.pull["dead-letters"].name) = 0 },
  )
  _waiting_query = {
    query = join(" > ", [
      "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local._subscription},subscription_id=~\"${join("|", keys(local._wait_limits))}\"})",
      "(${join(" or ", [for name, seconds in local._wait_limits : "label_replace(vector(${seconds}), \"subscription_id\", \"${name}\", \"\", \"\")"])})",
    ])
    by      = ["subscription_id"]
    seconds = 300
    every   = 300
  }

  # The median of a stream over three intervals.
  _late_query = join(" or ", [
    for period, names in local._streams_by_period :
    "histogram_quantile(0.5, sum by (stream, le) (rate(${local._promql.cursor_age}_bucket{${local._from_logs},stream=~\"${join("|", names)}\"}[${period}s]))) > ${var.alerts.cursor_age_seconds}"
  ])
}
