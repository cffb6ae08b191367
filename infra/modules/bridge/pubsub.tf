# Topics with their publishers, and subscriptions with their dead-letter policies.

resource "google_pubsub_topic" "this" {
  for_each = var.topology.topics

  project                    = var.project_id
  name                       = "${var.prefix}${each.key}"
  kms_key_name               = var.kms_key
  labels                     = var.labels
  message_retention_duration = each.value.retention

  message_storage_policy {
    allowed_persistence_regions = coalesce(var.storage_regions, [var.region])
    enforce_in_transit          = var.keep_data_in_region ? true : null
  }

  depends_on = [google_project_service.this, terraform_data.key_usable]
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = merge([
    for function, each in var.topology.functions : {
      for topic in each.publishes : "${function}/${topic}" => { function = function, topic = topic }
    }
  ]...)

  project = var.project_id
  topic   = google_pubsub_topic.this[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.value.function].member
}

# Pub/Sub signs its pushes with this account.
resource "google_service_account" "push" {
  project      = var.project_id
  account_id   = "${var.prefix}pubsub-push"
  display_name = "Pub/Sub pushes to the VideoVector bridge"

  depends_on = [google_project_service.this]
}

# A changed filter replaces its subscription, and Terraform may delete the old one first. Topic events
# keeps its messages for a week: `make deploy` seeks the new subscription to an hour before it began.
resource "google_pubsub_subscription" "push" {
  for_each = local.push_subscriptions

  project                    = var.project_id
  name                       = "${var.prefix}${each.key}"
  topic                      = google_pubsub_topic.this[each.value.topic].id
  labels                     = var.labels
  filter                     = each.value.filter
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri

    no_wrapper {
      write_metadata = true
    }

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "${each.value.retry_seconds.minimum}s"
    maximum_backoff = "${each.value.retry_seconds.maximum}s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this[each.value.dead_letter.topic].id
    max_delivery_attempts = each.value.dead_letter.max_delivery_attempts
  }

  expiration_policy {
    ttl = "" # never
  }

  lifecycle {
    precondition {
      condition     = each.value.ack_deadline_seconds >= local.functions[each.value.function].resources.timeout_seconds
      error_message = "The ack deadline of a subscription must not be shorter than the timeout of its function."
    }
  }

  # Create grants first: a push that is refused counts as a delivery attempt.
  depends_on = [
    google_cloud_run_v2_service_iam_member.invoker,
    google_pubsub_topic_iam_member.dead_letter,
    google_pubsub_topic_iam_member.publisher,
  ]
}

# A function pulls these. As above: a changed filter replaces the subscription, and `make deploy` seeks.
resource "google_pubsub_subscription" "reader" {
  for_each = local.reader_subscriptions

  project                    = var.project_id
  name                       = "${var.prefix}${each.key}"
  topic                      = google_pubsub_topic.this[each.value.topic].id
  labels                     = var.labels
  filter                     = each.value.filter
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = "" # never
  }

  lifecycle {
    precondition {
      condition     = each.value.ack_deadline_seconds >= local.functions[each.value.reader].resources.timeout_seconds
      error_message = "The ack deadline of a subscription must not be shorter than the timeout of its function."
    }
  }
}

resource "google_pubsub_subscription_iam_member" "reader" {
  for_each = local.reader_subscriptions

  project      = var.project_id
  subscription = google_pubsub_subscription.reader[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.function[each.value.reader].member
}

# Pull subscriptions, which keep dead letters and rejected messages for people.
resource "google_pubsub_subscription" "pull" {
  for_each = local.pull_subscriptions

  project                    = var.project_id
  name                       = "${var.prefix}${each.key}"
  topic                      = google_pubsub_topic.this[each.value.topic].id
  labels                     = var.labels
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = "" # never
  }
}

# Pub/Sub's service agent publishes dead letters, and acknowledges them on their subscription.
resource "google_pubsub_topic_iam_member" "dead_letter" {
  for_each = toset([for each in local.push_subscriptions : each.dead_letter.topic])

  project = var.project_id
  topic   = google_pubsub_topic.this[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter" {
  for_each = local.push_subscriptions

  project      = var.project_id
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
