# Two streams with different filters: failures arrive within a minute, other events within five minutes.

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
  region  = "europe-west1"
}

module "package" {
  source = "../../modules/package"
}

module "bridge" {
  source = "../../modules/bridge"

  project_id     = var.project_id
  region         = "europe-west1"
  source_archive = module.package.archive
  topology       = module.package.topology

  streams = {
    failures = {
      event_types = ["processing.run_failed", "processing.video_failed"]
    }

    completions = {
      event_types    = ["processing.run_completed", "processing.segment_completed", "processing.video_completed"]
      schedule       = "*/5 * * * *"
      window_seconds = 240
      start_from     = "earliest"
    }
  }
}

output "drain_commands" {
  description = "Command that drains a stream at once, by stream."
  value       = module.bridge.drain_commands
}
