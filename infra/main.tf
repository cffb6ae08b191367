# The topology, from topology.json, which the local stack reads too.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  topology = jsondecode(file("${path.module}/topology.json"))

  push_functions     = { for name, each in local.topology.functions : name => each if each.trigger == "push" }
  push_subscriptions = { for name, each in local.topology.subscriptions : name => each if contains(keys(each), "function") }
  pull_subscriptions = { for name, each in local.topology.subscriptions : name => each if !contains(keys(each), "function") }

  # Pub/Sub's service agent, which Google creates for a project.
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  # Bucket names are global, so they start with the project id.
  claims_bucket   = "${var.project_id}-${var.prefix}videovector-claims"
  previews_bucket = coalesce(var.previews.bucket, "${var.project_id}-${var.prefix}videovector-previews")
  archive_bucket  = "${var.project_id}-${var.prefix}videovector-archive"
  source_bucket   = "${var.project_id}-${var.prefix}videovector-source"
}

resource "google_project_service" "this" {
  for_each = toset(concat(var.bigquery == null ? [] : ["bigquery.googleapis.com"], var.budget == null ? [] : ["billingbudgets.googleapis.com"], [
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ]))

  service            = each.key
  disable_on_destroy = false
}
