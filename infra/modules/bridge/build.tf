# What builds the functions: the repository of their images, and the build account with its grants.

resource "google_artifact_registry_repository" "functions" {
  project       = var.project_id
  repository_id = "${var.prefix}videovector-functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the VideoVector bridge's functions"
  kms_key_name  = var.kms_key
  labels        = var.labels

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

  depends_on = [google_project_service.this, terraform_data.key_usable]
}

resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.prefix}function-build"
  display_name = "Builds the functions of the VideoVector bridge"

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
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
