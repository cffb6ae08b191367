# One deployment of the bridge.

provider "google" {
  project = var.project_id
  region  = var.region

  # Google's API for budgets refuses a user's credentials without a project that pays for the
  # requests. Always, because a budget that is turned off is read and deleted too.
  user_project_override = true
  billing_project       = var.project_id
}

module "package" {
  source = "./modules/package"

  automations_file = var.automations_file
}

module "bridge" {
  source = "./modules/bridge"

  source_archive = module.package.archive
  topology       = module.package.topology

  alert_emails          = var.alert_emails
  alerts                = var.alerts
  api_base_url          = var.api_base_url
  api_key_secret        = var.api_key_secret
  archive               = var.archive
  bigquery              = var.bigquery
  budget                = var.budget
  deletion_protection   = var.deletion_protection
  environment           = var.environment
  firestore             = var.firestore
  functions             = var.functions
  grant_wait_seconds    = var.grant_wait_seconds
  keep_data_in_region   = var.keep_data_in_region
  kms_key               = var.kms_key
  kms_key_grants        = var.kms_key_grants
  labels                = var.labels
  notification_channels = var.notification_channels
  operators             = var.operators
  prefix                = var.prefix
  previews              = var.previews
  profile               = var.profile
  project_id            = var.project_id
  region                = var.region
  schedules             = var.schedules
  signed_url_buckets    = var.signed_url_buckets
  storage_regions       = var.storage_regions
  streams               = var.streams
  webhook               = var.webhook
  webhook_ids           = var.webhook_ids
}
