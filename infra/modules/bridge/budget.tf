# Monthly budget alert; off by default.

locals {
  # Rounded: 33.33 is not exact in binary, so its fraction is below 0.33.
  _cents = var.budget == null ? 0 : floor(var.budget.amount * 100 + 0.5)
}

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
      units         = tostring(floor(local._cents / 100))
      nanos         = local._cents % 100 == 0 ? null : local._cents % 100 * 10000000
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
