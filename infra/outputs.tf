output "dashboard" {
  description = "URL of the dashboard."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${reverse(split("/", google_monitoring_dashboard.this.id))[0]}?project=${var.project_id}"
}

output "drain_commands" {
  description = "Command that drains a stream now, by stream."
  value = {
    for name, job in google_cloud_scheduler_job.drain :
    name => "gcloud scheduler jobs run ${job.name} --project=${var.project_id} --location=${var.region}"
  }
}

output "function_accounts" {
  description = "Service account of each function, for grants on resources that are not created here."
  value       = { for name, each in module.function : name => each.email }
}

output "subscriptions" {
  description = "Name of the push subscription, by function."
  value       = { for name, each in google_pubsub_subscription.push : local.push_subscriptions[name].function => each.name }
}

output "topics" {
  description = "Full name of each topic, by its name in topology.json."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "webhook_command" {
  description = "Command that registers this bridge as a webhook at VideoVector, and stores the webhook's secret."
  value       = "videovector-bridge webhook ensure --url ${module.function["receive-webhook"].uri} --secret projects/${var.project_id}/secrets/${google_secret_manager_secret.webhook.secret_id}"
}

output "webhook_url" {
  description = "URL that VideoVector delivers webhooks to."
  value       = module.function["receive-webhook"].uri
}
