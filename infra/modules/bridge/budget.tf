# Monthly budget alert; off by default.

resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.prefix}VideoVector bridge"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(floor(var.budget.amount))
      nanos         = var.budget.amount == floor(var.budget.amount) ? null : floor((var.budget.amount - floor(var.budget.amount)) * 1000000000)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  dynamic "all_updates_rule" {
    for_each = length(local.notification_channels) > 0 ? [1] : []

    content {
      monitoring_notification_channels = slice(local.notification_channels, 0, min(5, length(local.notification_channels)))
    }
  }

  depends_on = [google_project_service.this]
}
