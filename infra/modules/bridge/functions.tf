# The functions: their source, their environment variables, and who may call them.

locals {
  secret_files = {
    VIDEO_VECTOR_API_KEY = { variable = "VIDEO_VECTOR_API_KEY_FILE", folder = "/secrets/api-key", file = "key", secret = var.api_key_secret }
  }
  # Secrets that are read through the API, so that a deployment needs no version of them.
  secret_names = {
    WEBHOOK_SECRETS = { variable = "WEBHOOK_SECRETS_NAME", secret = google_secret_manager_secret.webhook.secret_id }
  }

  # Only the fields that are set, and the limits of the profile; the bridge has defaults for the others.
  _streams_setting = jsonencode({
    for name, each in var.streams : name => {
      for key, value in merge(each, {
        window_seconds = local.streams[name].window_seconds
        idle_seconds   = local.streams[name].idle_seconds
      }) : key => value if value != null && key != "schedule"
    }
  })

  _everywhere = merge(
    {
      CLAIM_BUCKET          = google_storage_bucket.claims.name
      EVENTS_TOPIC          = google_pubsub_topic.this["events"].name
      FIRESTORE_DATABASE    = var.firestore.create ? google_firestore_database.this[0].name : local.database
      GOOGLE_CLOUD_PROJECT  = var.project_id
      MEDIA_URLS_TOPIC      = google_pubsub_topic.this["media-urls"].name
      REJECTED_TOPIC        = google_pubsub_topic.this["rejected"].name
      VIDEO_VECTOR_BASE_URL = var.api_base_url
      # What a revision runs; `make deploy` compares it with what it should run.
      SOURCE_HASH = var.source_archive.hash
    },
    var.keep_data_in_region ? { PUBSUB_ENDPOINT = "${var.region}-pubsub.googleapis.com:443" } : {},
  )
  _of_function = {
    canary = {
      STREAMS = local._streams_setting
      # A stream may be silent between the windows of its schedule. The setting is a week at most.
      CANARY_STREAM_SECONDS = jsonencode({
        for name, each in local.streams : name => min(604800, max(900, 3 * each.window_seconds, 3 * local.intervals[name]))
      })
    }
    drain             = { STREAMS = local._streams_setting }
    receive-webhook   = { WEBHOOK_IDS = join(",", var.webhook_ids) }
    issue-signed-urls = { SIGNED_URL_BUCKETS = join(",", setunion(var.signed_url_buckets, [local.previews_bucket])) }
    store-previews    = { PREVIEW_BUCKET = google_storage_bucket.previews.name }
  }
  environments = {
    for name, each in local.functions : name => merge(
      local._everywhere,
      each.environment,
      # A request needs a thread, whatever the concurrency is set to.
      each.resources.concurrency > 1 ? { THREADS = tostring(max(each.resources.concurrency, tonumber(lookup(each.environment, "THREADS", "0")))) } : {},
      lookup(local._of_function, name, {}),
      contains(["canary", "drain"], name) && var.profile != "economy" ? { PROFILE = var.profile } : {},
      { for key, subscription in local.reader_subscriptions : "${upper(name)}_SUBSCRIPTION" => google_pubsub_subscription.reader[key].name if subscription.reader == name },
      { for secret in each.secrets : local.secret_files[secret].variable => "${local.secret_files[secret].folder}/${local.secret_files[secret].file}" if contains(keys(local.secret_files), secret) },
      { for secret in each.secrets : local.secret_names[secret].variable => "projects/${var.project_id}/secrets/${local.secret_names[secret].secret}" if contains(keys(local.secret_names), secret) },
      lookup(var.environment, "all", {}),
      # The canary reads the settings of windows as `drain` does.
      name == "canary" ? lookup(var.environment, "drain", {}) : {},
      lookup(var.environment, name, {}),
    )
  }

  # Where requests to a public function may come from; the others accept only Google Cloud's.
  _ingress = {
    public        = "ALLOW_ALL"
    load_balancer = "ALLOW_INTERNAL_AND_GCLB"
    none          = "ALLOW_INTERNAL_ONLY"
  }

  invokers = merge(
    { for name in keys(local.push_functions) : "${name}/push" => { function = name, member = google_service_account.push.member } },
    {
      for each in values(var.topology.schedules) : "${each.function}/scheduler" => { function = each.function, member = google_service_account.scheduler.member }
    },
    {
      for name, each in local.functions : "${name}/everybody" => { function = name, member = "allUsers" }
      if each.public && var.webhook.access == "public"
    },
  )
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "functions-${var.source_archive.hash}.zip"
  source = var.source_archive.path
}

resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project_id
  account_id   = "fn-${var.prefix}${each.key}"
  display_name = each.value.description

  depends_on = [google_project_service.this]
}

resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:Only the receiver of webhooks can be public, and it verifies signatures
  for_each = local.functions

  project      = var.project_id
  name         = "${var.prefix}${each.key}"
  location     = var.region
  description  = each.value.description
  kms_key_name = var.kms_key
  labels       = var.labels

  build_config {
    runtime           = "python313"
    entry_point       = each.value.entry_point
    docker_repository = google_artifact_registry_repository.functions.id
    service_account   = google_service_account.build.id

    environment_variables = {
      # The provider does not read back which source was built. After a failed build this variable
      # is still the old one, so the next plan shows the change, and the next apply builds again.
      SOURCE_HASH = var.source_archive.hash
      # The build compiles the source, and the image gives all files the same time of change. This
      # makes Python check bytecode by a hash of the source. By time, each start would compile again.
      SOURCE_DATE_EPOCH = "315619200" # 1980-01-02; only its presence matters
    }

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }

    automatic_update_policy {}
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    ingress_settings                 = each.value.public ? local._ingress[var.webhook.access] : "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    available_cpu                    = each.value.resources.cpu
    available_memory                 = each.value.resources.memory
    max_instance_count               = each.value.resources.max_instances
    max_instance_request_concurrency = each.value.resources.concurrency
    timeout_seconds                  = each.value.resources.timeout_seconds
    environment_variables            = local.environments[each.key]

    # Mounted as a file: a new version is read without a deployment.
    dynamic "secret_volumes" {
      for_each = { for secret in each.value.secrets : secret => local.secret_files[secret] if contains(keys(local.secret_files), secret) }

      content {
        mount_path = secret_volumes.value.folder
        project_id = var.project_id
        secret     = secret_volumes.value.secret

        versions {
          version = "latest"
          path    = secret_volumes.value.file
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = each.value.resources.concurrency == 1 || tonumber(each.value.resources.cpu) >= 1
      error_message = "Function ${each.key}: concurrency above 1 needs a cpu of 1 or more."
    }

    precondition {
      condition     = each.key != "drain" || each.value.resources.timeout_seconds > local.longest_call_seconds
      error_message = "Function drain: timeout_seconds must be above ${local.longest_call_seconds}, the longest call (a live window first waits for the hand-over, at most lease_seconds and 5)."
    }

    precondition {
      condition     = each.key != "drain" || !anytrue([for stream in values(local.streams) : stream.live]) || each.value.resources.max_instances >= local.drain_calls
      error_message = "Function drain: max_instances must be ${local.drain_calls} or more, because a live stream needs two instances at the hand-over."
    }
  }

  depends_on = [google_project_service.this, terraform_data.functions_buildable]
}

# The rights to call a function are on the Cloud Run service behind it.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this[each.value.function].name
  role     = "roles/run.invoker"
  member   = each.value.member
}

# The function signs URLs with its own service account, without a key file.
resource "google_service_account_iam_member" "signs" {
  for_each = { for name, each in local.functions : name => each if each.signs }

  service_account_id = google_service_account.function[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.function[each.key].member
}
