output "email" {
  description = "Its service account."
  value       = google_service_account.this.email
}

output "member" {
  description = "Its service account, as grants name it."
  value       = google_service_account.this.member
}

output "service_account" {
  description = "Id of its service account."
  value       = google_service_account.this.name
}

output "uri" {
  description = "Where it is called. Callers may do so once this is known."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
  depends_on  = [google_cloud_run_v2_service_iam_member.invoker]
}
