# What a deployment cannot change: it would replace what holds data. The values of the first apply
# are kept here, and a plan with other values is refused.

locals {
  # Bucket names are global, so they start with the project id.
  claims_bucket   = "${var.project_id}-${var.prefix}videovector-claims"
  previews_bucket = coalesce(var.previews.bucket, "${var.project_id}-${var.prefix}videovector-previews")
  archive_bucket  = "${var.project_id}-${var.prefix}videovector-archive"
  source_bucket   = "${var.project_id}-${var.prefix}videovector-source"

  # A bridge with a prefix has a database and a dataset of its own.
  database         = coalesce(var.firestore.database, var.prefix == "" ? "(default)" : "${var.prefix}videovector")
  database_region  = coalesce(var.firestore.location, var.region)
  dataset          = coalesce(try(var.bigquery.dataset, null), replace("${var.prefix}videovector", "-", "_"))
  dataset_location = coalesce(try(var.bigquery.location, null), var.region)
}

resource "terraform_data" "identity" {
  input = {
    database        = local.database
    database_region = local.database_region
    kms_key         = var.kms_key
    prefix          = var.prefix
    previews_bucket = local.previews_bucket
    project_id      = var.project_id
    region          = var.region
  }

  # An apply that cannot create the database remembers nothing.
  depends_on = [google_firestore_database.this]

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.project_id == var.project_id
      error_message = "project_id is ${var.project_id}, but this state manages a bridge in ${self.output.project_id}. Use another state (NAME=...) for another project."
    }

    postcondition {
      condition     = self.output.region == var.region
      error_message = "region is ${var.region}, but this bridge is in ${self.output.region}. A change would delete the database with every cursor, the buckets and the undelivered messages. infra/README.md, Migrations, describes how to move."
    }

    postcondition {
      condition     = self.output.prefix == var.prefix
      error_message = "prefix is \"${var.prefix}\", but this bridge has \"${self.output.prefix}\". A change would delete every topic with its undelivered messages. infra/README.md, Migrations, describes how to move."
    }

    postcondition {
      condition     = self.output.kms_key == var.kms_key
      error_message = "kms_key is ${coalesce(var.kms_key, "null")}, but this bridge was created with ${coalesce(self.output.kms_key, "null")}. A change would delete the database with every cursor, and the secret. infra/README.md, Migrations, describes how to move."
    }

    postcondition {
      condition     = self.output.database == local.database || self.output.prefix != var.prefix
      error_message = "The Firestore database is ${local.database}, but this bridge has its cursors in ${self.output.database}. Set firestore = { database = \"${self.output.database}\" }, or see infra/README.md, Migrations."
    }

    postcondition {
      condition     = self.output.database_region == local.database_region || self.output.region != var.region
      error_message = "The Firestore location is ${local.database_region}, but this bridge has its database in ${self.output.database_region}. Set firestore = { location = \"${self.output.database_region}\" }, or see infra/README.md, Migrations."
    }

    postcondition {
      condition     = self.output.previews_bucket == local.previews_bucket || self.output.prefix != var.prefix
      error_message = "The bucket of previews is ${local.previews_bucket}, but this bridge has its previews in ${self.output.previews_bucket}. Set previews = { bucket = \"${self.output.previews_bucket}\" }, or see infra/README.md, Migrations."
    }
  }
}

# Its own, because a deployment may add BigQuery later.
resource "terraform_data" "dataset" {
  count = var.bigquery == null ? 0 : 1

  input = {
    dataset  = local.dataset
    location = local.dataset_location
  }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.dataset == local.dataset && self.output.location == local.dataset_location
      error_message = "bigquery names ${local.dataset} in ${local.dataset_location}, but the events of this bridge are in ${self.output.dataset} in ${self.output.location}. Set bigquery = { dataset = \"${self.output.dataset}\", location = \"${self.output.location}\" }, or see infra/README.md, Migrations."
    }
  }
}
