# One bridge with the default settings.

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

provider "google" {
  project = var.project_id
  region  = "us-central1"
}

module "package" {
  source = "../../modules/package"
}

module "bridge" {
  source = "../../modules/bridge"

  project_id     = var.project_id
  source_archive = module.package.archive
  topology       = module.package.topology
}

output "webhook_command" {
  description = "Command that registers the bridge as a webhook at VideoVector."
  value       = module.bridge.webhook_command
}
