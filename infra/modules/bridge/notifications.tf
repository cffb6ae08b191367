# Who receives alerts.

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
