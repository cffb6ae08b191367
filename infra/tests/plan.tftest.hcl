# Plans with only the required variable, over mocked providers: no request is made. Values that
# Google generates are mocked, so that values derived from them can be checked.

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
    error_message = "The topics must be those of topology.json."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_topic.this : tolist(each.message_storage_policy[0].allowed_persistence_regions) == tolist(["us-central1"])])
    error_message = "Messages must be stored in the region."
  }

  assert {
    condition     = { for name, each in google_pubsub_topic.this : name => each.message_retention_duration } == { events = "604800s", rejected = "2678400s", media-urls = "3600s", dead-letters = "2678400s" }
    error_message = "Events must be replayable for a week; signed URLs must not be kept longer than an hour."
  }

  assert {
    condition = toset(keys(google_pubsub_topic_iam_member.publisher)) == toset([
      "drain/events", "drain/rejected", "receive-webhook/events", "receive-webhook/rejected",
      "upsert-markers/rejected", "delete-markers/rejected", "issue-signed-urls/media-urls", "issue-signed-urls/rejected",
      "store-previews/events", "store-previews/rejected", "snapshot-media/rejected", "run-searches/events", "run-searches/rejected",
    ])
    error_message = "Each function must publish only on its own topics."
  }
}

run "subscriptions" {
  command = plan

  assert {
    condition     = toset(keys(google_pubsub_subscription.push)) == toset(["upsert-markers", "delete-markers", "issue-signed-urls", "store-previews", "snapshot-media", "run-searches"])
    error_message = "Every action's function must have a push subscription."
  }

  assert {
    condition     = alltrue([for name, each in google_pubsub_subscription.push : each.filter == jsondecode(file("./topology.json")).subscriptions[name].filter && length(each.filter) > 0 && length(each.filter) <= 256])
    error_message = "Filters must be those of topology.json, within Pub/Sub's limit."
  }

  assert {
    condition     = alltrue([for name, each in google_pubsub_subscription.push : can(regex("^${name}-[0-9a-f]{8}$", each.name))])
    error_message = "A subscription's name must change with its filter, so that it can be created before the old one is deleted."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.push_config[0].no_wrapper[0].write_metadata])
    error_message = "Functions must receive native CloudEvents."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email && each.push_config[0].oidc_token[0].audience == each.push_config[0].push_endpoint])
    error_message = "Pushes must have an OIDC token for their function."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.retry_policy[0].minimum_backoff == "10s" && each.retry_policy[0].maximum_backoff == "600s"])
    error_message = "Failed messages must be redelivered with backoff."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.dead_letter_policy[0].max_delivery_attempts == 20])
    error_message = "Messages must be dead-lettered after 20 attempts."
  }

  assert {
    condition     = alltrue([for each in concat(values(google_pubsub_subscription.push), values(google_pubsub_subscription.pull)) : each.expiration_policy[0].ttl == ""])
    error_message = "No subscription must expire."
  }

  assert {
    condition     = toset(keys(google_pubsub_subscription.pull)) == toset(["dead-letters", "rejected"]) && alltrue([for each in google_pubsub_subscription.pull : each.message_retention_duration == "2678400s"])
    error_message = "Dead letters and rejected messages must be kept for a month."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.dead_letter["dead-letters"].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.dead_letter["dead-letters"].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub must be able to publish dead letters."
  }

  assert {
    condition     = toset(keys(google_pubsub_subscription_iam_member.dead_letter)) == toset(keys(google_pubsub_subscription.push)) && alltrue([for each in google_pubsub_subscription_iam_member.dead_letter : each.role == "roles/pubsub.subscriber"])
    error_message = "Pub/Sub must be able to acknowledge dead letters on every push subscription."
  }
}

run "functions" {
  command = plan

  assert {
    condition     = toset(keys(module.function)) == toset(keys(jsondecode(file("./topology.json")).functions))
    error_message = "The functions must be those of topology.json."
  }

  assert {
    condition     = local.environments["drain"].VIDEO_VECTOR_API_KEY_FILE == "/secrets/api-key/key" && !contains(keys(local.environments["receive-webhook"]), "VIDEO_VECTOR_API_KEY_FILE")
    error_message = "Only functions that call VideoVector must have its key, as a file."
  }

  assert {
    condition     = local.environments["receive-webhook"].WEBHOOK_SECRETS_FILE == "/secrets/webhook/secrets" && local.environments["receive-webhook"].THREADS == "96"
    error_message = "The receiver must read its secrets from a file, and have the topology's environment."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS) == { default = { window_seconds = 50, idle_seconds = 10, cursor_policy = "fail" } }
    error_message = "Only the fields that are set must be in STREAMS."
  }

  assert {
    condition     = !contains([for file in keys(local.source) : startswith(file, "videovector_bridge/cli/")], true) && contains(keys(local.source), "main.py") && contains(keys(local.source), "requirements.txt") && contains(keys(local.source), "automations.toml") && !contains([for file in keys(local.source) : strcontains(file, "__pycache__")], true)
    error_message = "The source must have the functions, without the command line and Python's caches."
  }

  assert {
    condition     = google_storage_bucket_object.source.name == "functions-${local.source_hash}.zip"
    error_message = "The source's name must have the hash of its content."
  }

  assert {
    condition     = { for name, each in local.invokers : name => keys(each) } == { drain = ["scheduler"], receive-webhook = ["everybody"], upsert-markers = ["push"], delete-markers = ["push"], issue-signed-urls = ["push"], store-previews = ["push"], snapshot-media = ["push"], run-searches = ["push"] }
    error_message = "Only the webhook's function must be public."
  }

  assert {
    condition     = keys(google_service_account_iam_member.signs) == ["issue-signed-urls"] && google_service_account_iam_member.signs["issue-signed-urls"].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "Only the function that signs URLs must be able to sign, with its own account."
  }
}

run "least_privilege" {
  command = plan

  assert {
    condition     = toset(keys(google_project_iam_member.state)) == toset(["drain", "upsert-markers", "delete-markers", "issue-signed-urls", "store-previews", "snapshot-media", "run-searches"])
    error_message = "The receiver must have no state."
  }

  assert {
    condition     = alltrue([for each in google_project_iam_member.state : each.role == "roles/datastore.user" && each.condition[0].expression == "resource.name == \"projects/test-project/databases/(default)\""])
    error_message = "State must be limited to one database."
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
    error_message = "Each function must have grants only on the buckets that it uses."
  }

  assert {
    condition     = google_project_iam_member.build_logs.role == "roles/logging.logWriter" && google_project_iam_member.build_copy.role == "roles/storage.objectViewer" && google_artifact_registry_repository_iam_member.build.role == "roles/artifactregistry.writer"
    error_message = "The build account must be able to write logs and images, and to read the source."
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
    error_message = "Each stream must have its schedule."
  }

  assert {
    condition     = alltrue([for name, each in google_cloud_scheduler_job.drain : jsondecode(base64decode(each.http_target[0].body)) == { stream = name }])
    error_message = "Each job must send its stream's name."
  }

  assert {
    condition     = local.functions["drain"].resources.timeout_seconds == 140 && alltrue([for each in google_cloud_scheduler_job.drain : each.attempt_deadline == "150s"])
    error_message = "The longest window must fit into the function's timeout, and that into the attempt's deadline."
  }

  assert {
    condition     = alltrue([for each in google_cloud_scheduler_job.drain : each.http_target[0].oidc_token[0].service_account_email == google_service_account.scheduler.email && each.http_target[0].oidc_token[0].audience == each.http_target[0].uri])
    error_message = "The scheduler's calls must have an OIDC token for the function."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS).failures == { event_types = ["processing.run_failed"], window_seconds = 100, idle_seconds = 5, cursor_policy = "earliest", start_from = "event-1" }
    error_message = "Filters and limits must be in the function's environment."
  }
}

run "monitoring" {
  command = plan

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.this)) == toset(["credential-refused", "cursor-refused", "cursor-age", "drain-failing", "drain-silent", "dead-letters", "unacknowledged", "rejected", "webhook-refused", "faults"])
    error_message = "Every condition that needs an operator must have an alert."
  }

  assert {
    condition     = alltrue([for each in google_monitoring_alert_policy.this : length(each.documentation[0].content) > 80])
    error_message = "Each alert must have a first action."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == 8
    error_message = "The dashboard must have a tile for each chart."
  }
}

run "state" {
  command = plan

  assert {
    condition     = google_firestore_field.expiry.collection == "effects" && google_firestore_field.expiry.field == "expire_at" && length(google_firestore_field.expiry.ttl_config) == 1
    error_message = "Effect records of single events must have a TTL."
  }

  assert {
    condition     = google_firestore_field.no_indexes.collection == "effects" && google_firestore_field.no_indexes.field == "*" && length(google_firestore_field.no_indexes.ttl_config) == 0
    error_message = "Automatic indexes must be off for all fields of effect records."
  }

  assert {
    condition     = alltrue([for each in [google_firestore_field.no_indexes, google_firestore_field.expiry] : length(each.index_config) == 1 && length(coalesce(each.index_config[0].indexes, [])) == 0])
    error_message = "An empty index_config must turn indexes off; without one they are inherited."
  }

  assert {
    condition     = google_firestore_database.this[0].type == "FIRESTORE_NATIVE" && google_firestore_database.this[0].delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "State must be protected from deletion."
  }

  assert {
    condition     = length(google_bigquery_table.events) + length(google_storage_bucket.archive) + length(google_billing_budget.this) + length(google_kms_crypto_key_iam_member.agent) == 0
    error_message = "Options must be off by default."
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
    error_message = "Every event must be copied into a table that is partitioned by day."
  }

  assert {
    condition     = google_pubsub_subscription.archive[0].cloud_storage_config[0].avro_config[0].write_metadata && one(one(google_storage_bucket.archive[0].lifecycle_rule).condition).age == 365
    error_message = "Every event must be archived for a year."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_topic.this : each.kms_key_name == var.kms_key && startswith(each.name, "two-")]) && length(google_kms_crypto_key_iam_member.agent) == 8
    error_message = "The customer's key must encrypt, and its service agents must have grants on it."
  }

  assert {
    condition     = local.environments["drain"].LANES == "32" && local.environments["drain"].API_TIMEOUT_SECONDS == "20" && !contains(keys(local.environments["run-searches"]), "LANES")
    error_message = "Other settings must be set only on their functions."
  }

  assert {
    condition     = local.environments["issue-signed-urls"].SIGNED_URL_BUCKETS == "my-media,test-project-two-videovector-previews" && local.environments["receive-webhook"].WEBHOOK_IDS == "wh_1,wh_2"
    error_message = "URLs must be issued for the buckets in the variable, and for previews."
  }

  assert {
    condition     = google_billing_budget.this[0].amount[0].specified_amount[0].units == "50" && alltrue([for each in google_monitoring_alert_policy.this : each.notification_channels == tolist(["projects/test-project/notificationChannels/1"])])
    error_message = "The budget must have its amount, and alerts their notification channel."
  }
}
