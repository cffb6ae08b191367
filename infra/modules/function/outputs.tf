output "email" {
  description = "Email of the function's service account."
  value       = google_service_account.this.email
}

output "member" {
  description = "The function's service account, as an IAM member."
  value       = google_service_account.this.member
}

output "service_account" {
  description = "Full name of the function's service account."
  value       = google_service_account.this.name
}

output "uri" {
  description = "URL of the function. It is known only after its callers have their grants."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
  depends_on  = [google_cloud_run_v2_service_iam_member.invoker]
}
