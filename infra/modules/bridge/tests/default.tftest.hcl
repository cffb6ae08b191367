# A plan with only the required variables, over a mocked provider: no request is made. tests/infra checks
# the grants, the functions and the Firestore fields of this plan.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  project_id     = "test-project"
  source_archive = { path = "functions.zip", hash = "0123abcd" }
  topology       = jsondecode(file("../../topology.json"))
}

run "default" {
  command = plan

  # Topics

  assert {
    condition     = { for name, each in google_pubsub_topic.this : name => each.message_retention_duration } == { events = "604800s", rejected = "2678400s", media-urls = "3600s", dead-letters = "2678400s" }
    error_message = "Events must be replayable for a week; signed URLs must not be kept longer than an hour."
  }

  assert {
    condition     = alltrue([for name, each in google_pubsub_topic.this : each.name == name && tolist(each.message_storage_policy[0].allowed_persistence_regions) == tolist(["us-central1"])])
    error_message = "Topics must have the names of topology.json, and store messages in the region."
  }

  # Subscriptions

  assert {
    condition = toset(keys(google_pubsub_subscription.push)) == toset([
      for name, each in var.topology.subscriptions : "${name}-${substr(sha1(each.filter), 0, 8)}" if contains(keys(each), "function")
    ])
    error_message = "Each push subscription must be keyed by its name and the hash of its filter, so that another filter is another subscription."
  }

  assert {
    condition     = toset([for each in google_pubsub_subscription.push : var.topology.subscriptions[regex("^(.*)-[0-9a-f]{8}$", each.name)[0]].function]) == toset([for name, each in var.topology.functions : name if each.trigger == "push"])
    error_message = "Every function of an action must have a push subscription."
  }

  assert {
    condition = alltrue([
      for key, each in google_pubsub_subscription.push : each.name == key
      && each.filter == var.topology.subscriptions[trimsuffix(key, substr(key, -9, -1))].filter
      && length(each.filter) > 0 && length(each.filter) <= 256
    ])
    error_message = "A subscription must be named like its key, and filter as in topology.json, within Pub/Sub's limit."
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
    condition = alltrue([
      for key, each in google_pubsub_subscription.push : {
        minimum = each.retry_policy[0].minimum_backoff, maximum = each.retry_policy[0].maximum_backoff, attempts = each.dead_letter_policy[0].max_delivery_attempts
        } == {
        minimum  = "${var.topology.subscriptions[trimsuffix(key, substr(key, -9, -1))].retry_seconds.minimum}s"
        maximum  = "${var.topology.subscriptions[trimsuffix(key, substr(key, -9, -1))].retry_seconds.maximum}s"
        attempts = var.topology.subscriptions[trimsuffix(key, substr(key, -9, -1))].dead_letter.max_delivery_attempts
      }
    ])
    error_message = "Failed messages must be redelivered with the backoff of topology.json, and then dead-lettered."
  }

  assert {
    condition = { for key, each in google_pubsub_subscription.reader : key => { name = each.name, filter = each.filter, retention = each.message_retention_duration } } == {
      for name in ["canary", "reconcile"] : "${name}-${substr(sha1(var.topology.subscriptions[name].filter), 0, 8)}" => {
        name      = "${name}-${substr(sha1(var.topology.subscriptions[name].filter), 0, 8)}"
        filter    = var.topology.subscriptions[name].filter
        retention = "604800s"
      }
    }
    error_message = "A subscription that a function pulls must be keyed by the hash of its filter, and keep messages as long as topic events."
  }

  assert {
    condition     = alltrue([for each in concat(values(google_pubsub_subscription.push), values(google_pubsub_subscription.reader), values(google_pubsub_subscription.pull)) : each.expiration_policy[0].ttl == ""])
    error_message = "No subscription must expire."
  }

  assert {
    condition     = { for name, each in google_pubsub_subscription.pull : name => each.message_retention_duration } == { dead-letters = "2678400s", rejected = "2678400s" }
    error_message = "Dead letters and rejected messages must be kept for a month."
  }

  # Functions

  assert {
    condition     = google_storage_bucket_object.source.name == "functions-0123abcd.zip" && google_storage_bucket_object.source.source == "functions.zip"
    error_message = "The name of the source must have the hash of its content."
  }

  assert {
    condition     = alltrue([for each in google_cloudfunctions2_function.this : each.build_config[0].environment_variables == tomap({ SOURCE_HASH = "0123abcd", SOURCE_DATE_EPOCH = "315619200" })])
    error_message = "The build must name the source, so that a failed update is a change at the next plan, and make bytecode that each start can use."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS) == { default = { window_seconds = 20, idle_seconds = 10, cursor_policy = "fail" } }
    error_message = "Only the fields that are set must be in STREAMS."
  }

  assert {
    condition     = local.environments["receive-webhook"].WEBHOOK_SECRETS_NAME == "projects/test-project/secrets/videovector-webhook-secrets"
    error_message = "The receiver must read its secrets by their full name."
  }

  assert {
    condition     = { for name in ["canary", "reconcile"] : name => local.environments[name]["${upper(name)}_SUBSCRIPTION"] } == { for each in google_pubsub_subscription.reader : regex("^(.*)-", each.name)[0] => each.name }
    error_message = "A function that pulls must know the name of its subscription."
  }

  # Schedules

  assert {
    condition     = { for name, each in google_cloud_scheduler_job.function : name => each.schedule } == { canary = "0 */1 * * *", reconcile = "*/5 * * * *" }
    error_message = "Functions must be called as often as topology.json says."
  }

  assert {
    condition = alltrue([
      for each in google_cloud_scheduler_job.function : each.http_target[0].oidc_token[0].service_account_email == google_service_account.scheduler.email
      && each.http_target[0].oidc_token[0].audience == each.http_target[0].uri && each.retry_config[0].retry_count == 0
    ])
    error_message = "Each job must call its function with an OIDC token, and not retry."
  }

  assert {
    condition     = alltrue([for name, each in google_cloud_scheduler_job.drain : jsondecode(base64decode(each.http_target[0].body)) == { stream = name }])
    error_message = "Each job must send its stream's name."
  }

  assert {
    condition     = alltrue([for each in google_cloud_scheduler_job.drain : each.http_target[0].oidc_token[0].service_account_email == google_service_account.scheduler.email && each.http_target[0].oidc_token[0].audience == each.http_target[0].uri])
    error_message = "The scheduler's calls must have an OIDC token for the function."
  }

  # Data

  assert {
    condition     = google_firestore_database.this[0].name == "(default)" && google_firestore_database.this[0].type == "FIRESTORE_NATIVE" && google_firestore_database.this[0].delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "A bridge without prefix must have its state in the default database, protected from deletion."
  }

  assert {
    condition     = { claims = google_storage_bucket.claims.force_destroy, previews = google_storage_bucket.previews.force_destroy } == { claims = false, previews = false }
    error_message = "A bucket with data must not be deleted before it is empty."
  }

  # Options

  assert {
    condition     = length(google_bigquery_dataset.events) + length(google_storage_bucket.archive) + length(google_pubsub_subscription.archive) + length(google_pubsub_subscription.bigquery) + length(google_billing_budget.this) + length(google_kms_crypto_key_iam_member.agent) + length(google_monitoring_notification_channel.email) + length(google_pubsub_topic_iam_member.operator) + length(google_pubsub_subscription_iam_member.operator) + length(google_project_iam_member.operator_state) == 0
    error_message = "Options must be off by default."
  }

  assert {
    condition     = length(terraform_data.key_usable) == 0 && length(terraform_data.copies_writable) == 0
    error_message = "A deployment must not wait for grants that it does not make."
  }

  # Operation

  assert {
    condition     = alltrue([for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : lookup(tile, "xPos", 1) != 0 && lookup(tile, "yPos", 1) != 0])
    error_message = "The dashboard must have no position that is 0: Google leaves it out, which would be a change at every plan."
  }

  assert {
    condition = length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == length(toset([
      for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : "${lookup(tile, "xPos", 0)},${lookup(tile, "yPos", 0)}"
    ]))
    error_message = "No tile of the dashboard must hide another one."
  }

  assert {
    condition     = output.source_hash == "0123abcd" && keys(output.functions) == keys(var.topology.functions) && keys(output.function_uris) == keys(var.topology.functions)
    error_message = "The outputs must name each function, and the deployed source."
  }

  assert {
    condition     = output.buckets == { claims = "test-project-videovector-claims", previews = "test-project-videovector-previews", source = "test-project-videovector-source" }
    error_message = "The outputs must name each bucket."
  }

  assert {
    condition     = toset(keys(output.service_accounts)) == toset(concat(keys(var.topology.functions), ["build", "push", "scheduler"]))
    error_message = "The outputs must name each service account."
  }

  assert {
    condition     = toset(keys(output.subscriptions)) == toset(keys(var.topology.subscriptions)) && output.subscriptions["upsert-markers"] != "upsert-markers"
    error_message = "The outputs must name each subscription."
  }
}
