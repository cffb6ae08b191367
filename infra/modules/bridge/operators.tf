# Grants of operators, for the commands of `videovector-bridge`; off by default.
#
# Creating a temporary subscription (`tail`, `replay`) needs a role on the whole project, so it is not
# among them: infra/README.md.

locals {
  _operator_topics = concat(
    [for name in keys(var.topology.topics) : { topic = name, role = "roles/pubsub.viewer" }],
    [for role in ["roles/pubsub.publisher", "roles/pubsub.subscriber"] : { topic = "events", role = role }],
  )
  _operator_subscriptions = concat(
    [for each in concat(values(google_pubsub_subscription.push), values(google_pubsub_subscription.reader)) : { name = each.name, role = "roles/pubsub.viewer" }],
    flatten([
      for each in values(google_pubsub_subscription.pull) : [
        for role in ["roles/pubsub.subscriber", "roles/pubsub.viewer"] : { name = each.name, role = role }
      ]
    ]),
  )
  _operator_buckets = merge(
    {
      "source/roles/storage.objectViewer"  = { bucket = google_storage_bucket.source.name, role = "roles/storage.objectViewer" }
      "claims/roles/storage.objectViewer"  = { bucket = google_storage_bucket.claims.name, role = "roles/storage.objectViewer" }
      "claims/roles/storage.objectCreator" = { bucket = google_storage_bucket.claims.name, role = "roles/storage.objectCreator" }
    },
    var.archive == null ? {} : {
      "archive/roles/storage.objectViewer" = { bucket = google_storage_bucket.archive[0].name, role = "roles/storage.objectViewer" }
    },
  )
  _operator_secrets = merge(
    { for role in ["roles/secretmanager.secretAccessor", "roles/secretmanager.viewer"] : "api-key/${role}" => { secret = var.api_key_secret, role = role } },
    { "webhook/roles/secretmanager.viewer" = { secret = google_secret_manager_secret.webhook.secret_id, role = "roles/secretmanager.viewer" } },
  )
  _operator_roles = concat(["roles/monitoring.viewer"], var.bigquery == null ? [] : ["roles/bigquery.jobUser"])
}

resource "google_pubsub_topic_iam_member" "operator" {
  for_each = {
    for pair in setproduct(var.operators, local._operator_topics) :
    "${pair[0]}/${pair[1].topic}/${pair[1].role}" => merge(pair[1], { member = pair[0] })
  }

  project = var.project_id
  topic   = google_pubsub_topic.this[each.value.topic].name
  role    = each.value.role
  member  = each.value.member
}

resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = {
    for pair in setproduct(var.operators, local._operator_subscriptions) :
    "${pair[0]}/${pair[1].name}/${pair[1].role}" => merge(pair[1], { member = pair[0] })
  }

  project      = var.project_id
  subscription = each.value.name
  role         = each.value.role
  member       = each.value.member
}

resource "google_storage_bucket_iam_member" "operator" {
  for_each = merge([
    for member in var.operators : { for key, each in local._operator_buckets : "${member}/${key}" => merge(each, { member = member }) }
  ]...)

  bucket = each.value.bucket
  role   = each.value.role
  member = each.value.member
}

resource "google_secret_manager_secret_iam_member" "operator" {
  for_each = merge([
    for member in var.operators : { for key, each in local._operator_secrets : "${member}/${key}" => merge(each, { member = member }) }
  ]...)

  project   = var.project_id
  secret_id = each.value.secret
  role      = each.value.role
  member    = each.value.member
}

resource "google_cloud_run_v2_service_iam_member" "operator" {
  for_each = { for pair in setproduct(var.operators, keys(local.functions)) : join("/", pair) => { member = pair[0], function = pair[1] } }

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this[each.value.function].name
  role     = "roles/run.viewer"
  member   = each.value.member
}

resource "google_bigquery_table_iam_member" "operator" {
  for_each = var.bigquery == null ? [] : var.operators

  project    = var.project_id
  dataset_id = google_bigquery_table.events[0].dataset_id
  table_id   = google_bigquery_table.events[0].table_id
  role       = "roles/bigquery.dataViewer"
  member     = each.key
}

resource "google_project_iam_member" "operator" {
  for_each = { for pair in setproduct(var.operators, local._operator_roles) : join("/", pair) => { member = pair[0], role = pair[1] } }

  project = var.project_id
  role    = each.value.role
  member  = each.value.member

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "operator_state" {
  for_each = var.operators

  project = var.project_id
  role    = "roles/datastore.user"
  member  = each.key

  condition {
    title       = "one-database"
    description = "Only in the database of the VideoVector bridge"
    expression  = "resource.name == \"projects/${var.project_id}/databases/${local.database}\""
  }

  depends_on = [google_project_service.this]
}
