output "buckets" {
  description = "Name of each bucket, by its use."
  value = merge(
    {
      claims   = google_storage_bucket.claims.name
      previews = google_storage_bucket.previews.name
      source   = google_storage_bucket.source.name
    },
    var.archive == null ? {} : { archive = google_storage_bucket.archive[0].name },
  )
}

output "dashboard" {
  description = "URL of the dashboard."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${reverse(split("/", google_monitoring_dashboard.this.id))[0]}?project=${var.project_id}"
}

output "database" {
  description = "Name of the Firestore database."
  value       = local.database
}

output "drain_commands" {
  description = "Command that drains a stream now, by stream."
  value = {
    for name in keys(var.streams) :
    name => "gcloud scheduler jobs run ${google_cloud_scheduler_job.drain[name].name} --project=${var.project_id} --location=${var.region}"
  }
}

output "function_uris" {
  description = "URI of each function, by its name in topology.json."
  value       = { for name, each in google_cloudfunctions2_function.this : name => each.service_config[0].uri }
}

output "functions" {
  description = "Name of each function in the project, by its name in topology.json."
  value       = { for name, each in google_cloudfunctions2_function.this : name => each.name }
}

output "service_accounts" {
  description = "Email of each service account: of the functions by name, and `build`, `push` and `scheduler`."
  value = merge(
    { for name, each in google_service_account.function : name => each.email },
    {
      build     = google_service_account.build.email
      push      = google_service_account.push.email
      scheduler = google_service_account.scheduler.email
    },
  )
}

output "source_hash" {
  description = "Hash of the deployed sources. Each function has it as SOURCE_HASH."
  value       = var.source_archive.hash
}

output "subscriptions" {
  description = "Name of each subscription: by function, and by name the pull subscriptions and the copies that are on."
  value = merge(
    { for key, each in google_pubsub_subscription.push : local.push_subscriptions[key].function => each.name },
    { for key, each in google_pubsub_subscription.reader : local.reader_subscriptions[key].name => each.name },
    { for name, each in google_pubsub_subscription.pull : name => each.name },
    { for each in google_pubsub_subscription.archive : "events-to-archive" => each.name },
    { for each in google_pubsub_subscription.bigquery : "events-to-bigquery" => each.name },
  )
}

output "topics" {
  description = "Full name of each topic, by its name in topology.json."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "webhook_command" {
  description = "Command that registers this bridge as a webhook at VideoVector, and stores the webhook's secret."
  value       = "videovector-bridge webhook ensure --url ${google_cloudfunctions2_function.this["receive-webhook"].service_config[0].uri} --secret projects/${var.project_id}/secrets/${google_secret_manager_secret.webhook.secret_id}"
}

output "webhook_url" {
  description = "URL of receive-webhook. With a load balancer, VideoVector delivers to the balancer's URL instead."
  value       = google_cloudfunctions2_function.this["receive-webhook"].service_config[0].uri
}
