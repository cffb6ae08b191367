# Staging and production in one project. The prefix separates their resources, database and dataset
# included; each uses an API key of its own.

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

variable "project_id" {
  description = "Id of the Google Cloud project."
  type        = string
}

locals {
  environments = {
    production = { prefix = "prod-", bigquery = { retention_days = 365 }, deletion_protection = true }
    staging    = { prefix = "stage-", bigquery = { retention_days = 7 }, deletion_protection = false }
  }
}

provider "google" {
  project = var.project_id
  region  = "us-central1"
}

module "package" {
  source = "../../modules/package"
}

module "bridge" {
  source   = "../../modules/bridge"
  for_each = local.environments

  project_id     = var.project_id
  prefix         = each.value.prefix
  source_archive = module.package.archive
  topology       = module.package.topology

  api_key_secret      = "${each.value.prefix}videovector-api-key"
  bigquery            = each.value.bigquery
  deletion_protection = each.value.deletion_protection
  labels              = { app = "videovector-bridge", environment = each.key }
}

output "webhook_commands" {
  description = "Command that registers a bridge as a webhook at VideoVector, by environment."
  value       = { for name, bridge in module.bridge : name => bridge.webhook_command }
}
