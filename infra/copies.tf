# Copies of every event in a BigQuery table or an archive in Cloud Storage; off by default.

resource "google_bigquery_dataset" "events" {
  count = var.bigquery == null ? 0 : 1

  dataset_id                 = var.bigquery.dataset
  location                   = coalesce(var.bigquery.location, var.region)
  description                = "VideoVector events"
  delete_contents_on_destroy = !var.deletion_protection

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key[*]

    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

resource "google_bigquery_table" "events" {
  #checkov:skip=CKV_GCP_80:It uses the key of its dataset, if any
  count = var.bigquery == null ? 0 : 1

  dataset_id          = google_bigquery_dataset.events[0].dataset_id
  table_id            = "events"
  description         = "Every message of topic events; a repeat has the same ce-id in its attributes"
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
}

resource "google_bigquery_table_iam_member" "pubsub" {
  for_each = toset(var.bigquery == null ? [] : ["roles/bigquery.dataEditor", "roles/bigquery.metadataViewer"])

  dataset_id = google_bigquery_table.events[0].dataset_id
  table_id   = google_bigquery_table.events[0].table_id
  role       = each.key
  member     = local.pubsub_agent
}

resource "google_pubsub_subscription" "bigquery" {
  count = var.bigquery == null ? 0 : 1

  name                       = "${var.prefix}events-to-bigquery"
  topic                      = google_pubsub_topic.this["events"].id
  message_retention_duration = "604800s"

  bigquery_config {
    table          = "${var.project_id}.${google_bigquery_table.events[0].dataset_id}.${google_bigquery_table.events[0].table_id}"
    write_metadata = true
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [google_bigquery_table_iam_member.pubsub]
}

resource "google_storage_bucket" "archive" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record access; usage logs would need another bucket
  #checkov:skip=CKV_GCP_78:Only Pub/Sub writes, and each file once
  count = var.archive == null ? 0 : 1

  name                        = local.archive_bucket
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

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

resource "google_storage_bucket_iam_member" "archive" {
  for_each = toset(var.archive == null ? [] : ["roles/storage.legacyBucketReader", "roles/storage.objectCreator"])

  bucket = google_storage_bucket.archive[0].name
  role   = each.key
  member = local.pubsub_agent
}

resource "google_pubsub_subscription" "archive" {
  count = var.archive == null ? 0 : 1

  name                       = "${var.prefix}events-to-archive"
  topic                      = google_pubsub_topic.this["events"].id
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

  depends_on = [google_storage_bucket_iam_member.archive]
}
