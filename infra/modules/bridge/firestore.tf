# State: cursors, leases, effect records, video documents.

resource "google_firestore_database" "this" {
  count = var.firestore.create ? 1 : 0

  project                           = var.project_id
  name                              = local.database
  location_id                       = local.database_region
  type                              = "FIRESTORE_NATIVE"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE"

  dynamic "cmek_config" {
    for_each = var.kms_key[*]

    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [google_project_service.this, terraform_data.key_usable]
}

# Collections whose documents have an end: effect records of a single event, the work that
# `reconcile` follows, and what `doctor` writes to check. Firestore deletes them by their TTL.
locals {
  _expiring = toset(["effects", "finished", "open", "probes"])
}

moved {
  from = google_firestore_field.expiry
  to   = google_firestore_field.expiry["effects"]
}

moved {
  from = google_firestore_field.no_indexes
  to   = google_firestore_field.no_indexes["effects"]
}

resource "google_firestore_field" "expiry" {
  for_each = local._expiring

  project    = var.project_id
  database   = local.database
  collection = each.key
  field      = "expire_at"

  ttl_config {}

  # No query uses it.
  index_config {}

  # It belongs to the database, and is deleted with it.
  deletion_policy = "ABANDON"

  depends_on = [google_firestore_database.this, google_project_service.this]
}

# No query uses a field of the documents. An index on increasing times would limit the collection to
# 500 writes a second: https://firebase.google.com/docs/firestore/solutions/shard-timestamp
resource "google_firestore_field" "no_indexes" {
  for_each = local._expiring

  project    = var.project_id
  database   = local.database
  collection = each.key
  field      = "*" # all fields, at any depth, that have no configuration of their own

  index_config {}

  # It belongs to the database, and is deleted with it.
  deletion_policy = "ABANDON"

  depends_on = [google_firestore_database.this, google_project_service.this]
}

# Firestore has no resource-level IAM: grant on the project, with a condition on this database.
resource "google_project_iam_member" "state" {
  for_each = { for name, each in local.functions : name => each if each.state != false }

  project = var.project_id
  role    = each.value.state == "read" ? "roles/datastore.viewer" : "roles/datastore.user"
  member  = google_service_account.function[each.key].member

  condition {
    title       = "one-database"
    description = "Only in the database of the VideoVector bridge"
    expression  = "resource.name == \"projects/${var.project_id}/databases/${local.database}\""
  }
}
