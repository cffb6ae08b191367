# Every option. Choose from it; the defaults of modules/bridge are a good start.

terraform {
  required_version = ">= 1.9"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.4"
    }

    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }
}

variable "billing_account" {
  description = "Billing account of the budget: XXXXXX-XXXXXX-XXXXXX."
  type        = string
}

variable "kms_key" {
  description = "Encryption key in the region: projects/P/locations/L/keyRings/R/cryptoKeys/K. Google's service agents must exist before the first apply (infra/README.md)."
  type        = string
}

variable "project_id" {
  description = "Id of the Google Cloud project."
  type        = string
}

provider "google" {
  project = var.project_id
  region  = "europe-west1"

  # Budgets need a project that pays for the requests, if a user's credentials are used.
  billing_project       = var.project_id
  user_project_override = true
}

module "package" {
  source = "../../modules/package"

  # Your own file. It belongs to the subscriptions of a topology: see the variable.
  automations_file = "${path.module}/../../../functions/automations.toml"
}

module "bridge" {
  source = "../../modules/bridge"

  # Where.
  prefix     = "media-"
  project_id = var.project_id
  region     = "europe-west1"
  labels     = { app = "videovector-bridge", team = "media" }

  # What runs.
  source_archive = module.package.archive
  topology       = module.package.topology

  functions = {
    receive-webhook = { max_instances = 20 }
    snapshot-media  = { cpu = "2", memory = "1Gi", concurrency = 48 }
  }
  environment = {
    all   = { API_TIMEOUT_SECONDS = "20" }
    drain = { LANES = "32" }
  }

  # Events in.
  api_base_url   = "https://api.vectormethods.com/api/v2"
  api_key_secret = "media-videovector-api-key" # pragma: allowlist secret
  profile        = "economy"
  streams = {
    default = { window_seconds = 55, idle_seconds = 20, cursor_policy = "earliest", start_from = "latest" }
    urgent  = { event_types = ["processing.run_failed"], profile = "live" }
  }
  webhook     = { access = "load_balancer" }
  webhook_ids = ["wh_example"]

  # Events out.
  archive            = { retention_days = 730 }
  bigquery           = { dataset = "media_events", retention_days = 90 }
  previews           = { bucket = "${var.project_id}-media-previews", retention_days = 30 }
  signed_url_buckets = ["${var.project_id}-media"]

  # Data.
  deletion_protection = true
  firestore           = { database = "media-videovector" }
  keep_data_in_region = true
  kms_key             = var.kms_key
  kms_key_grants      = true
  storage_regions     = ["europe-west1"]

  # Operation.
  alert_emails          = ["media-team@example.com"]
  alerts                = { cursor_age_seconds = 600 }
  budget                = { billing_account = var.billing_account, amount = 49.5, currency = "EUR" }
  grant_wait_seconds    = 90
  notification_channels = ["projects/${var.project_id}/notificationChannels/1234567890"]
  operators             = ["group:media-oncall@example.com"]
  schedules             = { canary = { every_minutes = 30 } }
}

output "buckets" {
  description = "Name of each bucket, by its use."
  value       = module.bridge.buckets
}

output "service_accounts" {
  description = "Email of each service account."
  value       = module.bridge.service_accounts
}

output "webhook_url" {
  description = "URL of receive-webhook, which only your load balancer reaches."
  value       = module.bridge.webhook_url
}
