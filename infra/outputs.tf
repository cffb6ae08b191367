# As in modules/bridge.

output "buckets" {
  value = module.bridge.buckets
}

output "dashboard" {
  value = module.bridge.dashboard
}

output "database" {
  value = module.bridge.database
}

output "drain_commands" {
  value = module.bridge.drain_commands
}

output "function_uris" {
  value = module.bridge.function_uris
}

output "functions" {
  value = module.bridge.functions
}

output "service_accounts" {
  value = module.bridge.service_accounts
}

output "source_hash" {
  value = module.bridge.source_hash
}

output "subscriptions" {
  value = module.bridge.subscriptions
}

output "topics" {
  value = module.bridge.topics
}

output "webhook_command" {
  value = module.bridge.webhook_command
}

output "webhook_url" {
  value = module.bridge.webhook_url
}
