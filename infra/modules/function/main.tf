# One function, its service account, and the grants of its callers.

resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = "fn-${var.name}"
  display_name = var.description
}

resource "google_cloudfunctions2_function" "this" {
  project      = var.project_id
  name         = var.name
  location     = var.region
  description  = var.description
  kms_key_name = var.kms_key

  build_config {
    runtime           = "python313"
    entry_point       = var.entry_point
    docker_repository = var.build.repository
    service_account   = var.build.service_account

    source {
      storage_source {
        bucket = var.build.bucket
        object = var.build.object
      }
    }

    automatic_update_policy {}
  }

  service_config {
    service_account_email            = google_service_account.this.email
    ingress_settings                 = var.public ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    available_cpu                    = var.resources.cpu
    available_memory                 = var.resources.memory
    max_instance_count               = var.resources.max_instances
    max_instance_request_concurrency = var.resources.concurrency
    timeout_seconds                  = var.resources.timeout_seconds
    environment_variables            = var.environment

    # Mounted as a file: a new version is read without a deployment.
    dynamic "secret_volumes" {
      for_each = var.secret_files

      content {
        mount_path = secret_volumes.key
        project_id = var.project_id
        secret     = secret_volumes.value.secret

        versions {
          version = "latest"
          path    = secret_volumes.value.file
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.this]
}

# Granted before the function is created, because it mounts the secrets.
resource "google_secret_manager_secret_iam_member" "this" {
  for_each = var.secret_files

  project   = var.project_id
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
