# The webhook's secrets. `make deploy` creates the API key's secret, so the key is in no state.

resource "google_secret_manager_secret" "webhook" {
  secret_id = "${var.prefix}videovector-webhook-secrets"

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

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

# A function cannot mount a secret without a version. This one holds a comment;
# `videovector-bridge webhook ensure --secret ...` adds the real ones.
resource "google_secret_manager_secret_version" "webhook" {
  secret      = google_secret_manager_secret.webhook.id
  secret_data = "# No secret yet: videovector-bridge webhook ensure\n"

  lifecycle {
    ignore_changes = [enabled, secret_data]
  }
}
