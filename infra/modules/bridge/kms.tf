# Customer-managed encryption: grants for the service agents that use the key.

locals {
  _kms_agents = {
    artifactregistry = "service-${data.google_project.this.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    bigquery         = "bq-${data.google_project.this.number}@bigquery-encryption.iam.gserviceaccount.com"
    firestore        = "service-${data.google_project.this.number}@gcp-sa-firestore.iam.gserviceaccount.com"
    functions        = "service-${data.google_project.this.number}@gcf-admin-robot.iam.gserviceaccount.com"
    pubsub           = "service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    run              = "service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com"
    secretmanager    = "service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com" # pragma: allowlist secret
    storage          = "service-${data.google_project.this.number}@gs-project-accounts.iam.gserviceaccount.com"
  }

  # BigQuery's agent encrypts only if there are copies in BigQuery.
  key_agents = {
    for name, email in local._kms_agents : name => email
    if var.kms_key != null && var.kms_key_grants && (name != "bigquery" || var.bigquery != null)
  }
}

# The agents are of the project, so several bridges with one key share these grants: see the variable
# kms_key_grants.
resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = local.key_agents

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"

  depends_on = [google_project_service.this]
}
