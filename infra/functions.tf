# The functions: their source, their build, and their environment variables.

locals {
  _source_folder = "${path.module}/../functions"
  # The deployed files: without the operator's command line.
  _source_files = [
    for file in setunion(
      fileset(local._source_folder, "{main.py,requirements.txt}"),
      fileset(local._source_folder, "videovector_bridge/**/*.py"),
    ) : file if !startswith(file, "videovector_bridge/cli/")
  ]
  automations_file = coalesce(var.automations_file, "${local._source_folder}/automations.toml")
  source = merge(
    { for file in local._source_files : file => file("${local._source_folder}/${file}") },
    { "automations.toml" = file(local.automations_file) },
  )
  # A hash of the content only; a zip also has metadata.
  source_hash = sha256(jsonencode(local.source))

  secret_files = {
    VIDEO_VECTOR_API_KEY = { variable = "VIDEO_VECTOR_API_KEY_FILE", folder = "/secrets/api-key", file = "key", secret = var.api_key_secret }
    WEBHOOK_SECRETS      = { variable = "WEBHOOK_SECRETS_FILE", folder = "/secrets/webhook", file = "secrets", secret = google_secret_manager_secret.webhook.secret_id }
  }

  # Only the fields that are set; the bridge has defaults for the others.
  streams = {
    for name, each in var.streams : name => {
      for key, value in each : key => value if value != null && key != "schedule"
    }
  }

  _everywhere = {
    CLAIM_BUCKET          = google_storage_bucket.claims.name
    EVENTS_TOPIC          = google_pubsub_topic.this["events"].name
    FIRESTORE_DATABASE    = var.firestore.database
    GOOGLE_CLOUD_PROJECT  = var.project_id
    MEDIA_URLS_TOPIC      = google_pubsub_topic.this["media-urls"].name
    REJECTED_TOPIC        = google_pubsub_topic.this["rejected"].name
    VIDEO_VECTOR_BASE_URL = var.api_base_url
  }
  _of_function = {
    drain             = { STREAMS = jsonencode(local.streams) }
    receive-webhook   = { WEBHOOK_IDS = join(",", var.webhook_ids) }
    issue-signed-urls = { SIGNED_URL_BUCKETS = join(",", setunion(var.signed_url_buckets, [local.previews_bucket])) }
    store-previews    = { PREVIEW_BUCKET = google_storage_bucket.previews.name }
  }
  environments = {
    for name, each in local.functions : name => merge(
      local._everywhere,
      each.environment,
      lookup(local._of_function, name, {}),
      { for secret in each.secrets : local.secret_files[secret].variable => "${local.secret_files[secret].folder}/${local.secret_files[secret].file}" },
      lookup(var.environment, "all", {}),
      lookup(var.environment, name, {}),
    )
  }

  # Defaults of optional fields in the topology.
  functions = {
    for name, each in local.topology.functions : name => merge(
      { environment = {}, public = false, signs = false },
      each,
      # `drain` runs as long as the longest window, and for every stream at once.
      name == "drain" ? {
        resources = merge(each.resources, {
          max_instances   = max(each.resources.max_instances, length(var.streams) + 1)
          timeout_seconds = local.drain_seconds
        })
      } : {},
    )
  }
  _window_seconds = max([for each in values(var.streams) : each.window_seconds]...)
  drain_seconds   = max(local.topology.functions.drain.resources.timeout_seconds, ceil(local._window_seconds) + 40)

  invokers = merge(
    { for name in keys(local.push_functions) : name => { push = google_service_account.push.member } },
    { drain = { scheduler = google_service_account.scheduler.member } },
    { for name, each in local.functions : name => { everybody = "allUsers" } if each.public },
  )
}

data "archive_file" "source" {
  type             = "zip"
  output_path      = "${path.module}/.build/${local.source_hash}.zip"
  output_file_mode = "0644" # the same zip on every machine

  dynamic "source" {
    for_each = local.source

    content {
      filename = source.key
      content  = source.value
    }
  }
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "functions-${local.source_hash}.zip"
  source = data.archive_file.source.output_path
}

resource "google_artifact_registry_repository" "functions" {
  repository_id = "${var.prefix}videovector-functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the VideoVector bridge's functions"
  kms_key_name  = var.kms_key

  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"

    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agent]
}

resource "google_service_account" "build" {
  account_id   = "${var.prefix}function-build"
  display_name = "Builds the functions of the VideoVector bridge"

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = var.region
  repository = google_artifact_registry_repository.functions.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# Cloud Functions copies the source to a bucket that it creates with the first function.
resource "google_project_iam_member" "build_copy" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title       = "the-copy-of-the-source"
    description = "Only in the bucket that Cloud Functions keeps sources in"
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  project_id  = var.project_id
  region      = var.region
  name        = "${var.prefix}${each.key}"
  description = each.value.description
  entry_point = each.value.entry_point
  environment = local.environments[each.key]
  resources   = each.value.resources
  public      = each.value.public
  invokers    = lookup(local.invokers, each.key, {})
  kms_key     = var.kms_key

  secret_files = {
    for secret in each.value.secrets : local.secret_files[secret].folder => {
      secret = local.secret_files[secret].secret
      file   = local.secret_files[secret].file
    }
  }

  build = {
    bucket          = google_storage_bucket.source.name
    object          = google_storage_bucket_object.source.name
    repository      = google_artifact_registry_repository.functions.id
    service_account = google_service_account.build.id
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_copy,
    google_project_iam_member.build_logs,
    google_project_service.this,
    google_secret_manager_secret_version.webhook,
    google_storage_bucket_iam_member.build_source,
  ]
}

# The function signs URLs with its own service account, without a key file.
resource "google_service_account_iam_member" "signs" {
  for_each = { for name, each in local.functions : name => each if each.signs }

  service_account_id = module.function[each.key].service_account
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = module.function[each.key].member
}
