# The project: its number, its APIs, and Google's service agents in it.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  _apis = concat(
    [
      "artifactregistry",
      "cloudbuild",
      "cloudfunctions",
      "cloudscheduler",
      "firestore",
      "iam",
      "iamcredentials",
      "logging",
      "monitoring",
      "pubsub",
      "run",
      "secretmanager",
      "storage",
    ],
    var.bigquery == null ? [] : ["bigquery"],
    var.budget == null ? [] : ["billingbudgets"],
  )

  # Pub/Sub's service agent. Google creates it with the first topic.
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_project_service" "this" {
  for_each = toset([for name in local._apis : "${name}.googleapis.com"])

  project            = var.project_id
  service            = each.key
  disable_on_destroy = false
}
