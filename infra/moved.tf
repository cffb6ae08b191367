# Addresses of deployments that were made before modules/bridge: an upgrade renames them in the state.

moved {
  from = google_artifact_registry_repository.functions
  to   = module.bridge.google_artifact_registry_repository.functions
}

moved {
  from = google_artifact_registry_repository_iam_member.build
  to   = module.bridge.google_artifact_registry_repository_iam_member.build
}

moved {
  from = google_bigquery_dataset.events
  to   = module.bridge.google_bigquery_dataset.events
}

moved {
  from = google_bigquery_table.events
  to   = module.bridge.google_bigquery_table.events
}

moved {
  from = google_bigquery_table_iam_member.pubsub
  to   = module.bridge.google_bigquery_table_iam_member.pubsub
}

moved {
  from = google_billing_budget.this
  to   = module.bridge.google_billing_budget.this
}

moved {
  from = google_cloud_scheduler_job.drain
  to   = module.bridge.google_cloud_scheduler_job.drain
}

moved {
  from = google_firestore_database.this
  to   = module.bridge.google_firestore_database.this
}

moved {
  from = google_firestore_field.expiry
  to   = module.bridge.google_firestore_field.expiry
}

moved {
  from = google_firestore_field.no_indexes
  to   = module.bridge.google_firestore_field.no_indexes
}

moved {
  from = google_kms_crypto_key_iam_member.agent
  to   = module.bridge.google_kms_crypto_key_iam_member.agent
}

moved {
  from = google_logging_metric.count
  to   = module.bridge.google_logging_metric.count
}

moved {
  from = google_logging_metric.cursor_age
  to   = module.bridge.google_logging_metric.cursor_age
}

moved {
  from = google_monitoring_alert_policy.this
  to   = module.bridge.google_monitoring_alert_policy.this
}

moved {
  from = google_monitoring_dashboard.this
  to   = module.bridge.google_monitoring_dashboard.this
}

moved {
  from = google_project_iam_member.build_copy
  to   = module.bridge.google_project_iam_member.build_copy
}

moved {
  from = google_project_iam_member.build_logs
  to   = module.bridge.google_project_iam_member.build_logs
}

moved {
  from = google_project_iam_member.state
  to   = module.bridge.google_project_iam_member.state
}

moved {
  from = google_project_service.this
  to   = module.bridge.google_project_service.this
}

moved {
  from = google_pubsub_subscription.archive
  to   = module.bridge.google_pubsub_subscription.archive
}

moved {
  from = google_pubsub_subscription.bigquery
  to   = module.bridge.google_pubsub_subscription.bigquery
}

moved {
  from = google_pubsub_subscription.pull
  to   = module.bridge.google_pubsub_subscription.pull
}

moved {
  from = google_pubsub_topic.this
  to   = module.bridge.google_pubsub_topic.this
}

moved {
  from = google_pubsub_topic_iam_member.dead_letter
  to   = module.bridge.google_pubsub_topic_iam_member.dead_letter
}

moved {
  from = google_pubsub_topic_iam_member.publisher
  to   = module.bridge.google_pubsub_topic_iam_member.publisher
}

moved {
  from = google_secret_manager_secret.webhook
  to   = module.bridge.google_secret_manager_secret.webhook
}

moved {
  from = google_service_account.build
  to   = module.bridge.google_service_account.build
}

moved {
  from = google_service_account.push
  to   = module.bridge.google_service_account.push
}

moved {
  from = google_service_account.scheduler
  to   = module.bridge.google_service_account.scheduler
}

moved {
  from = google_service_account_iam_member.signs
  to   = module.bridge.google_service_account_iam_member.signs
}

moved {
  from = google_storage_bucket.archive
  to   = module.bridge.google_storage_bucket.archive
}

moved {
  from = google_storage_bucket.claims
  to   = module.bridge.google_storage_bucket.claims
}

moved {
  from = google_storage_bucket.previews
  to   = module.bridge.google_storage_bucket.previews
}

moved {
  from = google_storage_bucket.source
  to   = module.bridge.google_storage_bucket.source
}

moved {
  from = google_storage_bucket_iam_member.archive
  to   = module.bridge.google_storage_bucket_iam_member.archive
}

moved {
  from = google_storage_bucket_iam_member.build_source
  to   = module.bridge.google_storage_bucket_iam_member.build_source
}

moved {
  from = google_storage_bucket_iam_member.function
  to   = module.bridge.google_storage_bucket_iam_member.function
}

moved {
  from = google_storage_bucket_object.source
  to   = module.bridge.google_storage_bucket_object.source
}

# Subscriptions got the hash of their filter into the key. These are the filters of version 0.1.0;
# `make deploy` moves others.

moved {
  from = google_pubsub_subscription.push["upsert-markers"]
  to   = module.bridge.google_pubsub_subscription.push["upsert-markers-6b16d4fe"]
}

moved {
  from = google_pubsub_subscription_iam_member.dead_letter["upsert-markers"]
  to   = module.bridge.google_pubsub_subscription_iam_member.dead_letter["upsert-markers-6b16d4fe"]
}

moved {
  from = google_pubsub_subscription.push["delete-markers"]
  to   = module.bridge.google_pubsub_subscription.push["delete-markers-503355a1"]
}

moved {
  from = google_pubsub_subscription_iam_member.dead_letter["delete-markers"]
  to   = module.bridge.google_pubsub_subscription_iam_member.dead_letter["delete-markers-503355a1"]
}

moved {
  from = google_pubsub_subscription.push["issue-signed-urls"]
  to   = module.bridge.google_pubsub_subscription.push["issue-signed-urls-3b6b2e1b"]
}

moved {
  from = google_pubsub_subscription_iam_member.dead_letter["issue-signed-urls"]
  to   = module.bridge.google_pubsub_subscription_iam_member.dead_letter["issue-signed-urls-3b6b2e1b"]
}

moved {
  from = google_pubsub_subscription.push["store-previews"]
  to   = module.bridge.google_pubsub_subscription.push["store-previews-6a520cfb"]
}

moved {
  from = google_pubsub_subscription_iam_member.dead_letter["store-previews"]
  to   = module.bridge.google_pubsub_subscription_iam_member.dead_letter["store-previews-6a520cfb"]
}

moved {
  from = google_pubsub_subscription.push["snapshot-media"]
  to   = module.bridge.google_pubsub_subscription.push["snapshot-media-13ac2050"]
}

moved {
  from = google_pubsub_subscription_iam_member.dead_letter["snapshot-media"]
  to   = module.bridge.google_pubsub_subscription_iam_member.dead_letter["snapshot-media-13ac2050"]
}

moved {
  from = google_pubsub_subscription.push["run-searches"]
  to   = module.bridge.google_pubsub_subscription.push["run-searches-0eb15754"]
}

moved {
  from = google_pubsub_subscription_iam_member.dead_letter["run-searches"]
  to   = module.bridge.google_pubsub_subscription_iam_member.dead_letter["run-searches-0eb15754"]
}

# The functions had a module each.

moved {
  from = module.function["drain"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["drain"]
}

moved {
  from = module.function["drain"].google_service_account.this
  to   = module.bridge.google_service_account.function["drain"]
}

moved {
  from = module.function["drain"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["drain/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["drain"].google_cloud_run_v2_service_iam_member.invoker["scheduler"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["drain/scheduler"]
}

moved {
  from = module.function["receive-webhook"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["receive-webhook"]
}

moved {
  from = module.function["receive-webhook"].google_service_account.this
  to   = module.bridge.google_service_account.function["receive-webhook"]
}

moved {
  from = module.function["receive-webhook"].google_secret_manager_secret_iam_member.this["/secrets/webhook"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["receive-webhook/WEBHOOK_SECRETS"]
}

moved {
  from = module.function["receive-webhook"].google_cloud_run_v2_service_iam_member.invoker["everybody"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["receive-webhook/everybody"]
}

moved {
  from = module.function["upsert-markers"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["upsert-markers"]
}

moved {
  from = module.function["upsert-markers"].google_service_account.this
  to   = module.bridge.google_service_account.function["upsert-markers"]
}

moved {
  from = module.function["upsert-markers"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["upsert-markers/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["upsert-markers"].google_cloud_run_v2_service_iam_member.invoker["push"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["upsert-markers/push"]
}

moved {
  from = module.function["delete-markers"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["delete-markers"]
}

moved {
  from = module.function["delete-markers"].google_service_account.this
  to   = module.bridge.google_service_account.function["delete-markers"]
}

moved {
  from = module.function["delete-markers"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["delete-markers/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["delete-markers"].google_cloud_run_v2_service_iam_member.invoker["push"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["delete-markers/push"]
}

moved {
  from = module.function["issue-signed-urls"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["issue-signed-urls"]
}

moved {
  from = module.function["issue-signed-urls"].google_service_account.this
  to   = module.bridge.google_service_account.function["issue-signed-urls"]
}

moved {
  from = module.function["issue-signed-urls"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["issue-signed-urls/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["issue-signed-urls"].google_cloud_run_v2_service_iam_member.invoker["push"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["issue-signed-urls/push"]
}

moved {
  from = module.function["store-previews"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["store-previews"]
}

moved {
  from = module.function["store-previews"].google_service_account.this
  to   = module.bridge.google_service_account.function["store-previews"]
}

moved {
  from = module.function["store-previews"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["store-previews/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["store-previews"].google_cloud_run_v2_service_iam_member.invoker["push"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["store-previews/push"]
}

moved {
  from = module.function["snapshot-media"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["snapshot-media"]
}

moved {
  from = module.function["snapshot-media"].google_service_account.this
  to   = module.bridge.google_service_account.function["snapshot-media"]
}

moved {
  from = module.function["snapshot-media"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["snapshot-media/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["snapshot-media"].google_cloud_run_v2_service_iam_member.invoker["push"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["snapshot-media/push"]
}

moved {
  from = module.function["run-searches"].google_cloudfunctions2_function.this
  to   = module.bridge.google_cloudfunctions2_function.this["run-searches"]
}

moved {
  from = module.function["run-searches"].google_service_account.this
  to   = module.bridge.google_service_account.function["run-searches"]
}

moved {
  from = module.function["run-searches"].google_secret_manager_secret_iam_member.this["/secrets/api-key"]
  to   = module.bridge.google_secret_manager_secret_iam_member.function["run-searches/VIDEO_VECTOR_API_KEY"]
}

moved {
  from = module.function["run-searches"].google_cloud_run_v2_service_iam_member.invoker["push"]
  to   = module.bridge.google_cloud_run_v2_service_iam_member.invoker["run-searches/push"]
}

# The placeholder of the webhook's secret stays in Secret Manager, but Terraform forgets it.
removed {
  from = google_secret_manager_secret_version.webhook

  lifecycle {
    destroy = false
  }
}
