# Buckets: the functions' source, events too large for a message, and previews.

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_62:Usage logs would need another bucket; a project can turn on Data Access audit logs instead
  #checkov:skip=CKV_GCP_78:A source has the hash of its content as its name, so it is never overwritten
  project                     = var.project_id
  name                        = local.source_bucket
  labels                      = var.labels
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

  depends_on = [google_project_service.this, terraform_data.key_usable]
}

# Claim checks. They are kept longer than Pub/Sub keeps the messages that refer to them.
resource "google_storage_bucket" "claims" {
  #checkov:skip=CKV_GCP_62:Usage logs would need another bucket; a project can turn on Data Access audit logs instead
  #checkov:skip=CKV_GCP_78:An event is written once, and deleted after its retention
  project                     = var.project_id
  name                        = local.claims_bucket
  labels                      = var.labels
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

  depends_on = [google_project_service.this, terraform_data.key_usable]
}

resource "google_storage_bucket" "previews" {
  #checkov:skip=CKV_GCP_62:Usage logs would need another bucket; a project can turn on Data Access audit logs instead
  #checkov:skip=CKV_GCP_78:VideoVector can create a preview again at any time
  project                     = var.project_id
  name                        = local.previews_bucket
  labels                      = var.labels
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

  depends_on = [google_project_service.this, terraform_data.key_usable]
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
    for function, each in var.topology.functions : {
      for use in each.buckets : "${function}/${use}" => { function = function, use = use }
    }
  ]...)

  bucket = local._buckets[split(":", each.value.use)[0]]
  role   = local._bucket_roles[each.value.use]
  member = google_service_account.function[each.value.function].member
}
