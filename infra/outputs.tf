output "dashboard" {
  description = "What the bridge is doing."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${reverse(split("/", google_monitoring_dashboard.this.id))[0]}?project=${var.project_id}"
}

output "drain_commands" {
  description = "Drain a stream now, by stream."
  value = {
    for name, job in google_cloud_scheduler_job.drain :
    name => "gcloud scheduler jobs run ${job.name} --project=${var.project_id} --location=${var.region}"
  }
}

output "function_accounts" {
  description = "The service account of each function, for grants on what is not made here."
  value       = { for name, each in module.function : name => each.email }
}

output "subscriptions" {
  description = "The subscription that pushes to each function, by the function's name."
  value       = { for name, each in google_pubsub_subscription.push : local.push_subscriptions[name].function => each.name }
}

output "topics" {
  description = "The topics in full, by their name in topology.json."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "webhook_command" {
  description = "Makes VideoVector's webhook deliver here, with its secret stored."
  value       = "videovector-bridge webhook ensure --url ${module.function["receive-webhook"].uri} --secret projects/${var.project_id}/secrets/${google_secret_manager_secret.webhook.secret_id}"
}

output "webhook_url" {
  description = "Where VideoVector delivers."
  value       = module.function["receive-webhook"].uri
}
