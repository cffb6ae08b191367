# Buckets: the functions' source, events too large for a message, and previews.

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record access; usage logs would need another bucket
  #checkov:skip=CKV_GCP_78:A source has the hash of its content as its name, so it is never overwritten
  name                        = local.source_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

# Claim checks. They are kept longer than Pub/Sub keeps the messages that refer to them.
resource "google_storage_bucket" "claims" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record access; usage logs would need another bucket
  #checkov:skip=CKV_GCP_78:An event is written once, and deleted after its retention
  name                        = local.claims_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  lifecycle_rule {
    condition {
      age = 40
    }

    action {
      type = "Delete"
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

resource "google_storage_bucket" "previews" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record access; usage logs would need another bucket
  #checkov:skip=CKV_GCP_78:VideoVector can create a preview again at any time
  name                        = local.previews_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  dynamic "lifecycle_rule" {
    for_each = var.previews.retention_days[*]

    content {
      condition {
        age = lifecycle_rule.value
      }

      action {
        type = "Delete"
      }
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

locals {
  _buckets = {
    claims   = google_storage_bucket.claims.name
    previews = google_storage_bucket.previews.name
  }
  # Claim checks are only created; previews are also read and replaced.
  _bucket_roles = {
    "claims:read"    = "roles/storage.objectViewer"
    "claims:write"   = "roles/storage.objectCreator"
    "previews:read"  = "roles/storage.objectViewer"
    "previews:write" = "roles/storage.objectUser"
  }
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = merge([
    for function, each in local.topology.functions : {
      for use in each.buckets : "${function}/${use}" => { function = function, use = use }
    }
  ]...)

  bucket = local._buckets[split(":", each.value.use)[0]]
  role   = local._bucket_roles[each.value.use]
  member = module.function[each.value.function].member
}
