# Copies of every event in a BigQuery table or an archive in Cloud Storage; off by default. What holds
# the copies stays when `enabled = false` ends the copying.

locals {
  copies_to_bigquery = try(var.bigquery.enabled, false)
  copies_to_archive  = try(var.archive.enabled, false)
}

resource "google_bigquery_dataset" "events" {
  count = var.bigquery == null ? 0 : 1

  project                    = var.project_id
  dataset_id                 = local.dataset
  location                   = local.dataset_location
  labels                     = var.labels
  description                = "VideoVector events"
  delete_contents_on_destroy = !var.deletion_protection

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key[*]

    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.this, terraform_data.dataset, terraform_data.key_usable]
}

resource "google_bigquery_table" "events" {
  #checkov:skip=CKV_GCP_80:It uses the key of its dataset, if any
  count = var.bigquery == null ? 0 : 1

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.events[0].dataset_id
  table_id            = "events"
  description         = "Every message of topic events; a repeat has the same ce-id in its attributes"
  labels              = var.labels
  deletion_protection = var.deletion_protection
  clustering          = ["message_id"]

  time_partitioning {
    type          = "DAY"
    field         = "publish_time"
    expiration_ms = var.bigquery.retention_days == null ? null : var.bigquery.retention_days * 86400000
  }

  # The schema that Pub/Sub writes: https://cloud.google.com/pubsub/docs/bigquery#write_metadata
  schema = jsonencode([
    { name = "subscription_name", type = "STRING", mode = "NULLABLE" },
    { name = "message_id", type = "STRING", mode = "NULLABLE" },
    { name = "publish_time", type = "TIMESTAMP", mode = "NULLABLE" },
    { name = "attributes", type = "JSON", mode = "NULLABLE", description = "ce-id, ce-type, ce-runid..." },
    { name = "data", type = "STRING", mode = "NULLABLE", description = "VideoVector's JSON, byte for byte" },
  ])

  lifecycle {
    # BigQuery answers with the key that the table inherits, which would replace it.
    ignore_changes = [encryption_configuration]
  }
}

resource "google_bigquery_table_iam_member" "pubsub" {
  for_each = toset(local.copies_to_bigquery ? ["roles/bigquery.dataEditor", "roles/bigquery.metadataViewer"] : [])

  project    = var.project_id
  dataset_id = google_bigquery_table.events[0].dataset_id
  table_id   = google_bigquery_table.events[0].table_id
  role       = each.key
  member     = local.pubsub_agent

  # Pub/Sub's service agent exists after the first topic.
  depends_on = [google_pubsub_topic.this]
}

resource "google_pubsub_subscription" "bigquery" {
  count = local.copies_to_bigquery ? 1 : 0

  project                    = var.project_id
  name                       = "${var.prefix}events-to-bigquery"
  topic                      = google_pubsub_topic.this["events"].id
  labels                     = var.labels
  message_retention_duration = "604800s"

  bigquery_config {
    table          = "${var.project_id}.${google_bigquery_table.events[0].dataset_id}.${google_bigquery_table.events[0].table_id}"
    write_metadata = true
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [terraform_data.copies_writable]
}

resource "google_storage_bucket" "archive" {
  #checkov:skip=CKV_GCP_62:Usage logs would need another bucket; a project can turn on Data Access audit logs instead
  #checkov:skip=CKV_GCP_78:Only Pub/Sub writes, and each file once
  count = var.archive == null ? 0 : 1

  project                     = var.project_id
  name                        = local.archive_bucket
  labels                      = var.labels
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  lifecycle_rule {
    condition {
      age = var.archive.retention_days
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

resource "google_storage_bucket_iam_member" "archive" {
  for_each = toset(local.copies_to_archive ? ["roles/storage.legacyBucketReader", "roles/storage.objectCreator"] : [])

  bucket = google_storage_bucket.archive[0].name
  role   = each.key
  member = local.pubsub_agent

  depends_on = [google_pubsub_topic.this]
}

resource "google_pubsub_subscription" "archive" {
  count = local.copies_to_archive ? 1 : 0

  project                    = var.project_id
  name                       = "${var.prefix}events-to-archive"
  topic                      = google_pubsub_topic.this["events"].id
  labels                     = var.labels
  ack_deadline_seconds       = 300
  message_retention_duration = "604800s"

  cloud_storage_config {
    bucket          = google_storage_bucket.archive[0].name
    filename_prefix = "events/"
    filename_suffix = ".avro"
    max_duration    = "300s"

    avro_config {
      write_metadata = true
    }
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [terraform_data.copies_writable]
}
