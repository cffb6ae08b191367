# What is planned with no variable but the project's, over mocked providers: nothing is asked of
# anybody. What Google would make up is given, so that what is built on it can be looked at.

mock_provider "google" {
  override_during = plan

  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "made-up@test-project.iam.gserviceaccount.com"
      id     = "projects/test-project/serviceAccounts/made-up@test-project.iam.gserviceaccount.com"
      member = "serviceAccount:made-up@test-project.iam.gserviceaccount.com"
      name   = "projects/test-project/serviceAccounts/made-up@test-project.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      url = "https://function.example"
    }
  }
}

mock_provider "archive" {
  override_during = plan
}

variables {
  project_id = "test-project"
}

run "topics" {
  command = plan

  assert {
    condition     = toset([for each in google_pubsub_topic.this : each.name]) == toset(["events", "rejected", "media-urls", "dead-letters"])
    error_message = "The topics are those of topology.json."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_topic.this : tolist(each.message_storage_policy[0].allowed_persistence_regions) == tolist(["us-central1"])])
    error_message = "Messages stay in the region."
  }

  assert {
    condition     = { for name, each in google_pubsub_topic.this : name => each.message_retention_duration } == { events = "604800s", rejected = "2678400s", media-urls = "3600s", dead-letters = "2678400s" }
    error_message = "Events can be replayed for a week; signed URLs are not kept around."
  }

  assert {
    condition = toset(keys(google_pubsub_topic_iam_member.publisher)) == toset([
      "drain/events", "drain/rejected", "receive-webhook/events", "receive-webhook/rejected",
      "upsert-markers/rejected", "delete-markers/rejected", "issue-signed-urls/media-urls", "issue-signed-urls/rejected",
      "store-previews/events", "store-previews/rejected", "snapshot-media/rejected", "run-searches/events", "run-searches/rejected",
    ])
    error_message = "Each function publishes on its own topics, and on no others."
  }
}

run "subscriptions" {
  command = plan

  assert {
    condition     = toset(keys(google_pubsub_subscription.push)) == toset(["upsert-markers", "delete-markers", "issue-signed-urls", "store-previews", "snapshot-media", "run-searches"])
    error_message = "Every action's function is pushed to."
  }

  assert {
    condition     = alltrue([for name, each in google_pubsub_subscription.push : each.filter == jsondecode(file("./topology.json")).subscriptions[name].filter && length(each.filter) > 0 && length(each.filter) <= 256])
    error_message = "Filters are those of topology.json, within Pub/Sub's limit."
  }

  assert {
    condition     = alltrue([for name, each in google_pubsub_subscription.push : can(regex("^${name}-[0-9a-f]{8}$", each.name))])
    error_message = "A subscription with another filter has another name, so that it can be made before the old one goes."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.push_config[0].no_wrapper[0].write_metadata])
    error_message = "Functions receive native CloudEvents."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email && each.push_config[0].oidc_token[0].audience == each.push_config[0].push_endpoint])
    error_message = "Pushes are signed, for the function that they go to."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.retry_policy[0].minimum_backoff == "10s" && each.retry_policy[0].maximum_backoff == "600s"])
    error_message = "What fails comes again, and more and more slowly."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.dead_letter_policy[0].max_delivery_attempts == 20])
    error_message = "What nobody can take is put aside in the end."
  }

  assert {
    condition     = alltrue([for each in concat(values(google_pubsub_subscription.push), values(google_pubsub_subscription.pull)) : each.expiration_policy[0].ttl == ""])
    error_message = "No subscription ends for want of use."
  }

  assert {
    condition     = toset(keys(google_pubsub_subscription.pull)) == toset(["dead-letters", "rejected"]) && alltrue([for each in google_pubsub_subscription.pull : each.message_retention_duration == "2678400s"])
    error_message = "Dead letters and rejected messages are kept for a month."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.dead_letter["dead-letters"].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.dead_letter["dead-letters"].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub may publish dead letters."
  }

  assert {
    condition     = toset(keys(google_pubsub_subscription_iam_member.dead_letter)) == toset(keys(google_pubsub_subscription.push)) && alltrue([for each in google_pubsub_subscription_iam_member.dead_letter : each.role == "roles/pubsub.subscriber"])
    error_message = "Pub/Sub may take dead letters from every subscription that has them."
  }
}

run "functions" {
  command = plan

  assert {
    condition     = toset(keys(module.function)) == toset(keys(jsondecode(file("./topology.json")).functions))
    error_message = "The functions are those of topology.json."
  }

  assert {
    condition     = local.environments["drain"].VIDEO_VECTOR_API_KEY_FILE == "/secrets/api-key/key" && !contains(keys(local.environments["receive-webhook"]), "VIDEO_VECTOR_API_KEY_FILE")
    error_message = "Only who talks to VideoVector has its key, as a file."
  }

  assert {
    condition     = local.environments["receive-webhook"].WEBHOOK_SECRETS_FILE == "/secrets/webhook/secrets" && local.environments["receive-webhook"].THREADS == "96"
    error_message = "The receiver reads its secrets from a file, and has the topology's environment."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS) == { default = { window_seconds = 50, idle_seconds = 10, cursor_policy = "fail" } }
    error_message = "Of a stream only what was given is set."
  }

  assert {
    condition     = !contains([for file in keys(local.source) : startswith(file, "videovector_bridge/cli/")], true) && contains(keys(local.source), "main.py") && contains(keys(local.source), "requirements.txt") && contains(keys(local.source), "automations.toml") && !contains([for file in keys(local.source) : strcontains(file, "__pycache__")], true)
    error_message = "The functions are deployed, and not the command line nor what Python leaves behind."
  }

  assert {
    condition     = google_storage_bucket_object.source.name == "functions-${local.source_hash}.zip"
    error_message = "The source is named by its content."
  }

  assert {
    condition     = { for name, each in local.invokers : name => keys(each) } == { drain = ["scheduler"], receive-webhook = ["everybody"], upsert-markers = ["push"], delete-markers = ["push"], issue-signed-urls = ["push"], store-previews = ["push"], snapshot-media = ["push"], run-searches = ["push"] }
    error_message = "Only the webhook's function is open to everybody."
  }

  assert {
    condition     = keys(google_service_account_iam_member.signs) == ["issue-signed-urls"] && google_service_account_iam_member.signs["issue-signed-urls"].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "Only who signs URLs may sign, as itself."
  }
}

run "least_privilege" {
  command = plan

  assert {
    condition     = toset(keys(google_project_iam_member.state)) == toset(["drain", "upsert-markers", "delete-markers", "issue-signed-urls", "store-previews", "snapshot-media", "run-searches"])
    error_message = "The receiver has no state."
  }

  assert {
    condition     = alltrue([for each in google_project_iam_member.state : each.role == "roles/datastore.user" && each.condition[0].expression == "resource.name == \"projects/test-project/databases/(default)\""])
    error_message = "State is in one database."
  }

  assert {
    condition = { for name, each in google_storage_bucket_iam_member.function : name => each.role } == {
      "drain/claims:write"              = "roles/storage.objectCreator"
      "upsert-markers/claims:read"      = "roles/storage.objectViewer"
      "delete-markers/claims:read"      = "roles/storage.objectViewer"
      "issue-signed-urls/claims:read"   = "roles/storage.objectViewer"
      "issue-signed-urls/previews:read" = "roles/storage.objectViewer"
      "store-previews/claims:read"      = "roles/storage.objectViewer"
      "store-previews/previews:write"   = "roles/storage.objectUser"
      "snapshot-media/claims:read"      = "roles/storage.objectViewer"
      "run-searches/claims:read"        = "roles/storage.objectViewer"
    }
    error_message = "Each function reads and writes the buckets that it needs."
  }

  assert {
    condition     = google_project_iam_member.build_logs.role == "roles/logging.logWriter" && google_project_iam_member.build_copy.role == "roles/storage.objectViewer" && google_artifact_registry_repository_iam_member.build.role == "roles/artifactregistry.writer"
    error_message = "Who builds may write logs and images, and read sources."
  }
}

run "schedules" {
  command = plan

  variables {
    streams = {
      default  = {}
      failures = { event_types = ["processing.run_failed"], window_seconds = 100, idle_seconds = 5, schedule = "*/5 * * * *", cursor_policy = "earliest", start_from = "event-1" }
    }
  }

  assert {
    condition     = { for name, each in google_cloud_scheduler_job.drain : name => each.schedule } == { default = "* * * * *", failures = "*/5 * * * *" }
    error_message = "Each stream has its schedule."
  }

  assert {
    condition     = alltrue([for name, each in google_cloud_scheduler_job.drain : jsondecode(base64decode(each.http_target[0].body)) == { stream = name }])
    error_message = "Each asks for its stream."
  }

  assert {
    condition     = local.functions["drain"].resources.timeout_seconds == 140 && alltrue([for each in google_cloud_scheduler_job.drain : each.attempt_deadline == "150s"])
    error_message = "The longest window fits into the function's timeout, and that into the attempt's."
  }

  assert {
    condition     = alltrue([for each in google_cloud_scheduler_job.drain : each.http_target[0].oidc_token[0].service_account_email == google_service_account.scheduler.email && each.http_target[0].oidc_token[0].audience == each.http_target[0].uri])
    error_message = "The clock's calls are signed, for the function."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS).failures == { event_types = ["processing.run_failed"], window_seconds = 100, idle_seconds = 5, cursor_policy = "earliest", start_from = "event-1" }
    error_message = "Filters and limits reach the function."
  }
}

run "monitoring" {
  command = plan

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.this)) == toset(["credential-refused", "cursor-refused", "cursor-age", "drain-failing", "drain-silent", "dead-letters", "unacknowledged", "rejected", "webhook-refused", "faults"])
    error_message = "Whatever needs a person raises an alert."
  }

  assert {
    condition     = alltrue([for each in google_monitoring_alert_policy.this : length(each.documentation[0].content) > 80])
    error_message = "Each alert says what to do first."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == 8
    error_message = "The dashboard shows all there is."
  }
}

run "state" {
  command = plan

  assert {
    condition     = google_firestore_field.expiry.collection == "effects" && google_firestore_field.expiry.field == "expire_at" && length(google_firestore_field.expiry.ttl_config) == 1
    error_message = "Records of single events end by themselves."
  }

  assert {
    condition     = google_firestore_field.no_indexes.collection == "effects" && google_firestore_field.no_indexes.field == "*" && length(google_firestore_field.no_indexes.ttl_config) == 0
    error_message = "Automatic indexes are off for all fields of records."
  }

  assert {
    condition     = alltrue([for each in [google_firestore_field.no_indexes, google_firestore_field.expiry] : length(each.index_config) == 1 && length(coalesce(each.index_config[0].indexes, [])) == 0])
    error_message = "An empty index_config is what turns indexes off; without one they are inherited."
  }

  assert {
    condition     = google_firestore_database.this[0].type == "FIRESTORE_NATIVE" && google_firestore_database.this[0].delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "State is not deleted by accident."
  }

  assert {
    condition     = length(google_bigquery_table.events) + length(google_storage_bucket.archive) + length(google_billing_budget.this) + length(google_kms_crypto_key_iam_member.agent) == 0
    error_message = "Options are off by default."
  }
}

run "everything" {
  command = plan

  variables {
    archive               = {}
    automations_file      = "../functions/automations.toml"
    bigquery              = { retention_days = 30 }
    budget                = { billing_account = "01ABCD-23EF45-67AB89", amount = 50 }
    kms_key               = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    notification_channels = ["projects/test-project/notificationChannels/1"]
    prefix                = "two-"
    previews              = { retention_days = 30 }
    signed_url_buckets    = ["my-media"]
    webhook_ids           = ["wh_1", "wh_2"]
    environment           = { all = { API_TIMEOUT_SECONDS = "20" }, drain = { LANES = "32" } }
  }

  assert {
    condition     = google_pubsub_subscription.bigquery[0].bigquery_config[0].write_metadata && google_bigquery_table.events[0].time_partitioning[0].expiration_ms == 2592000000
    error_message = "Every event is copied into a table by day."
  }

  assert {
    condition     = google_pubsub_subscription.archive[0].cloud_storage_config[0].avro_config[0].write_metadata && one(one(google_storage_bucket.archive[0].lifecycle_rule).condition).age == 365
    error_message = "Every event is archived, for a year."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_topic.this : each.kms_key_name == var.kms_key && startswith(each.name, "two-")]) && length(google_kms_crypto_key_iam_member.agent) == 8
    error_message = "One's own key encrypts, and who encrypts may use it."
  }

  assert {
    condition     = local.environments["drain"].LANES == "32" && local.environments["drain"].API_TIMEOUT_SECONDS == "20" && !contains(keys(local.environments["run-searches"]), "LANES")
    error_message = "Further settings reach the functions that they are for."
  }

  assert {
    condition     = local.environments["issue-signed-urls"].SIGNED_URL_BUCKETS == "my-media,test-project-two-videovector-previews" && local.environments["receive-webhook"].WEBHOOK_IDS == "wh_1,wh_2"
    error_message = "URLs are issued for the buckets named, and for previews."
  }

  assert {
    condition     = google_billing_budget.this[0].amount[0].specified_amount[0].units == "50" && alltrue([for each in google_monitoring_alert_policy.this : each.notification_channels == tolist(["projects/test-project/notificationChannels/1"])])
    error_message = "The budget is the one asked for, and alerts go somewhere."
  }
}
