# Secrets. `make deploy` creates the API key's secret, so the key is in no state. The webhook's secret
# is created here without a version: `videovector-bridge webhook` adds them, and receive-webhook reads
# the latest through the API.

resource "google_secret_manager_secret" "webhook" {
  project   = var.project_id
  secret_id = "${var.prefix}videovector-webhook-secrets"
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key[*]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this, terraform_data.key_usable]
}

locals {
  _secret_ids = {
    VIDEO_VECTOR_API_KEY = var.api_key_secret
    WEBHOOK_SECRETS      = google_secret_manager_secret.webhook.secret_id
  }
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = merge([
    for function, each in var.topology.functions : {
      for secret in each.secrets : "${function}/${secret}" => { function = function, secret = secret }
    }
  ]...)

  project   = var.project_id
  secret_id = local._secret_ids[each.value.secret]
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
