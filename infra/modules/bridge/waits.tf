# A grant is effective only some time after Google answers the request. What needs the grant to be
# created waits here, so that the first apply succeeds. Nothing waits when the grants are unchanged.

# Service agents encrypt with the key when a topic, a bucket, a database or a secret is created.
resource "terraform_data" "key_usable" {
  count = length(local.key_agents) > 0 ? 1 : 0

  triggers_replace = [for each in google_kms_crypto_key_iam_member.agent : each.id]

  provisioner "local-exec" {
    command = "sleep ${var.grant_wait_seconds}"
  }
}

# A function is created with a build, and starts with its secrets.
resource "terraform_data" "functions_buildable" {
  triggers_replace = concat(
    [
      google_artifact_registry_repository_iam_member.build.id,
      google_project_iam_member.build_copy.id,
      google_project_iam_member.build_logs.id,
      google_storage_bucket_iam_member.build_source.id,
    ],
    [for each in google_secret_manager_secret_iam_member.function : each.id],
  )

  provisioner "local-exec" {
    command = "sleep ${var.grant_wait_seconds}"
  }
}

# Pub/Sub checks its grants when a subscription that writes copies is created.
resource "terraform_data" "copies_writable" {
  count = local.copies_to_bigquery || local.copies_to_archive ? 1 : 0

  triggers_replace = concat(
    [for each in google_bigquery_table_iam_member.pubsub : each.id],
    [for each in google_storage_bucket_iam_member.archive : each.id],
  )

  provisioner "local-exec" {
    command = "sleep ${var.grant_wait_seconds}"
  }
}
