# Plans with options, over a mocked provider. tests/infra checks the grants, the functions and the
# Firestore fields of the first one.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  project_id     = "test-project"
  source_archive = { path = "functions.zip", hash = "0123abcd" }
  topology       = jsondecode(file("../../topology.json"))
}

run "everything" {
  command = plan

  variables {
    alert_emails          = ["media-team@example.com"]
    archive               = {}
    bigquery              = { retention_days = 30 }
    budget                = { billing_account = "01ABCD-23EF45-67AB89", amount = 33.33 }
    environment           = { all = { LANES = "32" }, drain = { LINGER_MS = "20" } }
    grant_wait_seconds    = 90
    kms_key               = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    notification_channels = ["projects/test-project/notificationChannels/1"]
    operators             = ["group:oncall@example.com"]
    previews              = { retention_days = 30 }
    schedules             = { canary = { enabled = false }, reconcile = { every_minutes = 120 } }
    signed_url_buckets    = ["my-media"]
    webhook_ids           = ["wh_1", "wh_2"]

    streams = {
      default  = {}
      failures = { event_types = ["processing.run_failed"], window_seconds = 100, idle_seconds = 5, schedule = "*/5 * * * *", cursor_policy = "earliest", start_from = "event-1" }
    }
  }

  # Copies

  assert {
    condition     = google_pubsub_subscription.bigquery[0].bigquery_config[0].write_metadata && google_bigquery_table.events[0].time_partitioning[0].expiration_ms == 2592000000 && google_bigquery_table.events[0].deletion_protection
    error_message = "Every event must be copied into a table that is partitioned by day, and protected from deletion."
  }

  assert {
    condition     = google_pubsub_subscription.archive[0].cloud_storage_config[0].avro_config[0].write_metadata && one(one(google_storage_bucket.archive[0].lifecycle_rule).condition).age == 365 && !google_storage_bucket.archive[0].force_destroy
    error_message = "Every event must be archived for a year."
  }

  assert {
    condition     = output.buckets.archive == "test-project-videovector-archive" && output.subscriptions["events-to-archive"] == "events-to-archive" && output.subscriptions["events-to-bigquery"] == "events-to-bigquery"
    error_message = "The outputs must name the copies."
  }

  # Encryption

  assert {
    condition = toset(concat(
      [for each in google_pubsub_topic.this : each.kms_key_name],
      [for each in google_cloudfunctions2_function.this : each.kms_key_name],
      [for each in [google_storage_bucket.archive[0], google_storage_bucket.claims, google_storage_bucket.previews, google_storage_bucket.source] : one(each.encryption).default_kms_key_name],
      [one(google_firestore_database.this[0].cmek_config).kms_key_name],
      [one(google_bigquery_dataset.events[0].default_encryption_configuration).kms_key_name],
      [one(one(one(google_secret_manager_secret.webhook.replication).user_managed).replicas).customer_managed_encryption[0].kms_key_name],
      [google_artifact_registry_repository.functions.kms_key_name],
    )) == toset([var.kms_key])
    error_message = "The customer's key must encrypt whatever holds data or code."
  }

  assert {
    condition     = length(terraform_data.key_usable) == 1 && length(terraform_data.copies_writable) == 1
    error_message = "What needs grants on the key, the table or the archive must wait until they are effective."
  }

  # Settings

  assert {
    condition     = alltrue([for each in local.environments : each.LANES == "32"]) && local._description.lanes == 32 && [for name, each in local.environments : name if contains(keys(each), "LINGER_MS")] == ["canary", "drain"]
    error_message = "Other settings must be set only on their functions; the canary reads those of windows too, and commands the lanes."
  }

  assert {
    condition     = local.environments["issue-signed-urls"].SIGNED_URL_BUCKETS == "my-media,test-project-videovector-previews" && local.environments["receive-webhook"].WEBHOOK_IDS == "wh_1,wh_2"
    error_message = "URLs must be issued for the buckets in the variable, and for previews."
  }

  assert {
    condition     = { for name, each in google_cloud_scheduler_job.drain : name => each.schedule } == { default = "* * * * *", failures = "*/5 * * * *" }
    error_message = "Each stream must have its schedule."
  }

  assert {
    condition     = jsondecode(local.environments["canary"].CANARY_STREAM_SECONDS) == { default = 900, failures = 900 } && local.environments["canary"].STREAMS == local.environments["drain"].STREAMS
    error_message = "The canary must know the streams, and how long each may be silent."
  }

  assert {
    condition     = { for name, each in google_cloud_scheduler_job.function : name => each.schedule } == { reconcile = "0 */2 * * *" } && length(google_pubsub_subscription.reader) == 2
    error_message = "A function whose schedule is turned off must have no job; its subscription stays."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS).failures == { event_types = ["processing.run_failed"], window_seconds = 100, idle_seconds = 5, cursor_policy = "earliest", start_from = "event-1" }
    error_message = "Filters and limits must be in the function's environment."
  }

  # Operation

  assert {
    condition     = one(one(google_billing_budget.this[0].amount).specified_amount).units == "33" && one(one(google_billing_budget.this[0].amount).specified_amount).nanos == 330000000
    error_message = "The budget must have its amount, with cents."
  }

  assert {
    condition     = google_monitoring_notification_channel.email["media-team@example.com"].labels == tomap({ email_address = "media-team@example.com" }) && alltrue([for each in google_monitoring_alert_policy.this : toset(each.notification_channels) == toset(["projects/test-project/notificationChannels/1", "projects/test-project/notificationChannels/2"])])
    error_message = "Alerts must go to the notification channels and the email addresses."
  }
}

# In a project that has another bridge with the same key.
run "second_bridge" {
  command = plan

  variables {
    archive             = { enabled = false }
    bigquery            = { enabled = false }
    budget              = { billing_account = "01ABCD-23EF45-67AB89", amount = 50 }
    deletion_protection = false
    functions           = { receive-webhook = { concurrency = 100, memory = "1Gi" }, store-previews = { cpu = "2", concurrency = 8, max_instances = 20, timeout_seconds = 60 } }
    keep_data_in_region = true
    kms_key             = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    kms_key_grants      = false
    prefix              = "two-"
    webhook             = { access = "load_balancer" }
  }

  assert {
    condition     = google_firestore_database.this[0].name == "two-videovector" && google_bigquery_dataset.events[0].dataset_id == "two_videovector"
    error_message = "A bridge with a prefix must have its own database and dataset."
  }

  assert {
    condition     = alltrue([for each in google_project_iam_member.state : each.condition[0].expression == "resource.name == \"projects/test-project/databases/two-videovector\""]) && google_firestore_field.expiry["open"].database == "two-videovector" && local.environments["drain"].FIRESTORE_DATABASE == "two-videovector"
    error_message = "Grants, TTL and settings must name the bridge's own database."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_topic.this : startswith(each.name, "two-")]) && alltrue([for each in google_pubsub_subscription.push : startswith(each.name, "two-")])
    error_message = "Names must start with the prefix."
  }

  assert {
    condition     = length(google_kms_crypto_key_iam_member.agent) == 0 && length(terraform_data.key_usable) == 0
    error_message = "With kms_key_grants = false, another bridge grants the key to the project's service agents."
  }

  assert {
    condition     = length(google_bigquery_table.events) + length(google_storage_bucket.archive) == 2
    error_message = "What holds copies must stay when the copying ends."
  }

  assert {
    condition     = length(google_pubsub_subscription.bigquery) + length(google_pubsub_subscription.archive) + length(google_bigquery_table_iam_member.pubsub) + length(google_storage_bucket_iam_member.archive) + length(terraform_data.copies_writable) == 0
    error_message = "Copies that are not enabled must have no subscription and no grant."
  }

  assert {
    condition     = google_firestore_database.this[0].delete_protection_state == "DELETE_PROTECTION_DISABLED" && google_storage_bucket.claims.force_destroy && google_storage_bucket.archive[0].force_destroy && !google_bigquery_table.events[0].deletion_protection
    error_message = "Without protection, destroy must delete what holds data."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["receive-webhook"].service_config[0].ingress_settings == "ALLOW_INTERNAL_AND_GCLB" && !contains(keys(google_cloud_run_v2_service_iam_member.invoker), "receive-webhook/everybody")
    error_message = "With a load balancer, requests must come through it, and allUsers must have no grant."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["receive-webhook"].service_config[0].available_memory == "1Gi" && google_cloudfunctions2_function.this["receive-webhook"].service_config[0].max_instance_request_concurrency == 100 && local.environments["receive-webhook"].THREADS == "100"
    error_message = "A variable must set the size of a function, and each concurrent request must have a thread."
  }

  assert {
    condition     = { for name, value in google_cloudfunctions2_function.this["store-previews"].service_config[0] : name => value if contains(["available_cpu", "available_memory", "max_instance_count", "max_instance_request_concurrency", "timeout_seconds"], name) } == { available_cpu = "2", available_memory = var.topology.functions.store-previews.resources.memory, max_instance_count = 20, max_instance_request_concurrency = 8, timeout_seconds = 60 } && local.environments["store-previews"].THREADS == "8"
    error_message = "Sizes that the variable does not set must be those of topology.json."
  }

  assert {
    condition     = local.environments["drain"].PUBSUB_ENDPOINT == "us-central1-pubsub.googleapis.com:443" && alltrue([for each in google_pubsub_topic.this : each.message_storage_policy[0].enforce_in_transit])
    error_message = "Data that stays in the region must be published through its endpoint, and refused elsewhere."
  }

  assert {
    condition     = one(one(google_billing_budget.this[0].amount).specified_amount).units == "50" && one(one(google_billing_budget.this[0].amount).specified_amount).nanos == null
    error_message = "An amount without cents must have no nanos, which would be a change at every plan."
  }
}

# In an organization that allows neither allUsers nor another database.
run "private" {
  command = plan

  variables {
    environment     = { upsert-markers = { THREADS = "32" } }
    firestore       = { create = false, database = "shared-state" }
    storage_regions = ["us-central1", "us-east1"]
    webhook         = { access = "none" }
  }

  assert {
    condition     = toset([for each in google_cloudfunctions2_function.this : each.service_config[0].ingress_settings]) == toset(["ALLOW_INTERNAL_ONLY"]) && !contains([for each in google_cloud_run_v2_service_iam_member.invoker : each.member], "allUsers")
    error_message = "Without access, no function must be reachable from the internet, or callable by allUsers."
  }

  assert {
    condition     = length(google_firestore_database.this) == 0 && toset([for each in concat(values(google_firestore_field.expiry), values(google_firestore_field.no_indexes)) : each.database]) == toset(["shared-state"])
    error_message = "A database that exists must be used, with the fields of its documents."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_topic.this : toset(each.message_storage_policy[0].allowed_persistence_regions) == toset(["us-central1", "us-east1"])])
    error_message = "Messages must be stored in the regions of the variable."
  }

  assert {
    condition     = local.environments["upsert-markers"].THREADS == "32"
    error_message = "The environment of a deployment must win over that of topology.json."
  }
}

run "one_action" {
  command = plan

  variables {
    topology = merge(jsondecode(file("../../topology.json")), {
      subscriptions = {
        for name, each in jsondecode(file("../../topology.json")).subscriptions :
        name => contains(keys(each), "function") && name != "upsert-markers" ? merge(each, { filter = "NOT attributes:\"ce-type\"" }) : each
      }
    })
  }

  assert {
    condition     = [for each in values(google_pubsub_subscription.push) : regex("^(.*)-[0-9a-f]{8}$", each.name)[0]] == ["upsert-markers"]
    error_message = "An action without an automation must have no subscription: Pub/Sub charges for what its filter excludes."
  }
}
