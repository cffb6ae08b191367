# A dashboard of the bridge on one page.

locals {
  _charts = [
    { title = "Age of the newest event, by stream (s)", query = "histogram_quantile(0.95, sum by (stream, le) (rate(${local._promql.cursor_age}_bucket{${local._from_logs}}[5m])))" },
    { title = "Windows, by outcome", query = "sum by (stream, outcome, stop_reason) (sum_over_time(${local._series.windows}}[5m]))" },
    { title = "Messages published, by topic", query = "sum by (topic_id) (rate(pubsub_googleapis_com:topic_send_message_operation_count{${local._topics}}[5m]))" },
    { title = "Webhook deliveries, by outcome", query = "sum by (event, status) (sum_over_time(${local._series.deliveries}}[5m]))" },
    { title = "Age of the oldest unacknowledged message, by subscription (s)", query = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local._subscriptions}})" },
    { title = "Pushes, by response", query = "sum by (subscription_id, response_class) (rate(pubsub_googleapis_com:subscription_push_request_count{${local._push}}[5m]))" },
    { title = "Rejected messages, by code", query = "sum by (code) (sum_over_time(${local._series.rejected}}[5m]))" },
    { title = "Channels, by the canary", query = "sum by (channel, outcome) (sum_over_time(${local._series.checks},function=\"canary\"}[5m]))" },
    { title = "Runs of reconcile that repaired events", query = "sum(sum_over_time(${local._series.repairs}}[5m]))" },
    { title = "Dead letters", query = "max by (subscription_id) (pubsub_googleapis_com:subscription_num_undelivered_messages{${local._dead_letters}})" },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = "${var.prefix}VideoVector bridge"
    mosaicLayout = {
      columns = 48
      tiles = [
        for index, chart in local._charts : merge(
          # Google returns no position that is 0, which would be a change at every plan.
          index % 2 == 0 ? {} : { xPos = 24 },
          index < 2 ? {} : { yPos = floor(index / 2) * 16 },
          {
            width  = 24
            height = 16
            widget = {
              title = chart.title
              xyChart = {
                dataSets = [{
                  plotType        = "LINE"
                  timeSeriesQuery = { prometheusQuery = chart.query }
                }]
              }
            }
          },
        )
      ]
    }
  })

  depends_on = [google_logging_metric.count, google_logging_metric.cursor_age]
}
