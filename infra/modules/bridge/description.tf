# The description of the deployment, which the operator's commands read. Its fields are in
# functions/videovector_bridge/settings/deployment.py.

locals {
  _described_subscriptions = merge(
    { for key, each in local.push_subscriptions : each.function => merge(each, { id = google_pubsub_subscription.push[key].name }) },
    { for key, each in local.reader_subscriptions : each.name => merge(each, { id = google_pubsub_subscription.reader[key].name, function = each.reader }) },
    { for name, each in local.pull_subscriptions : name => merge(each, { id = google_pubsub_subscription.pull[name].name, function = "" }) },
  )

  _description = {
    format             = 1
    backend            = "gcp"
    project            = var.project_id
    prefix             = var.prefix
    region             = var.region
    version            = var.source_archive.version
    source_hash        = var.source_archive.hash
    firestore_database = local.database
    pubsub_endpoint    = var.keep_data_in_region ? "${var.region}-pubsub.googleapis.com:443" : ""
    api_base_url       = var.api_base_url
    lanes              = tonumber(lookup(local.environments["drain"], "LANES", "16"))
    api_key_secret     = "projects/${var.project_id}/secrets/${var.api_key_secret}"                             # pragma: allowlist secret
    webhook_secret     = "projects/${var.project_id}/secrets/${google_secret_manager_secret.webhook.secret_id}" # pragma: allowlist secret
    topics             = { for name, each in google_pubsub_topic.this : name => each.name }
    buckets            = local._buckets
    subscriptions = {
      for name, each in local._described_subscriptions : name => {
        id       = each.id
        topic    = each.topic
        function = each.function
        filter   = try(each.filter, "")
      }
    }
    functions = {
      for name, each in local.functions : name => {
        id        = google_cloudfunctions2_function.this[name].name
        url       = google_cloudfunctions2_function.this[name].service_config[0].uri
        account   = google_service_account.function[name].email
        action    = try(each.action, "")
        publishes = each.publishes
        pulls     = [for subscription in values(local.reader_subscriptions) : subscription.name if subscription.reader == name]
        secrets   = each.secrets
        state     = each.state == true ? "write" : each.state == false ? "none" : each.state
        buckets   = each.buckets
      }
    }
    streams = {
      for name, each in local.streams : name => {
        profile        = each.profile
        schedule       = each.schedule
        window_seconds = each.window_seconds
        filters = {
          for key, value in { run_id = each.run_id, index_id = each.index_id, video_ids = each.video_ids, event_types = each.event_types } :
          key => value if value != null
        }
      }
    }
    schedules      = { for each in values(local.schedules) : each.function => 60 * each.every_minutes if each.enabled }
    archive_bucket = var.archive == null ? "" : google_storage_bucket.archive[0].name
    bigquery_table = var.bigquery == null ? "" : "${var.project_id}.${google_bigquery_table.events[0].dataset_id}.${google_bigquery_table.events[0].table_id}"
  }
}

resource "google_storage_bucket_object" "description" {
  bucket       = google_storage_bucket.source.name
  name         = "deployment.json"
  content      = jsonencode(local._description)
  content_type = "application/json"

  # While a function is created or updated, its address is not known. The provider does not expect
  # that of `content`: it plans the hashes of the old one, and the apply fails. So write it again.
  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this]
  }
}
