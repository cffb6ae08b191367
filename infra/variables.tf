# Passed to modules/bridge, which describes and validates them. null is the default there. Terraform
# drops unknown fields of an object without a warning, so they are refused here.

locals {
  fields = {
    alerts    = ["level", "cursor_age_seconds", "unacked_seconds", "copies_seconds", "rejected_in_10_minutes", "refused_in_10_minutes", "unavailable_in_10_minutes", "repairs_in_an_hour", "paused_seconds", "intervals_seconds"]
    archive   = ["enabled", "retention_days"]
    bigquery  = ["enabled", "dataset", "location", "retention_days"]
    budget    = ["billing_account", "amount", "currency"]
    firestore = ["create", "database", "location"]
    functions = ["cpu", "memory", "concurrency", "max_instances", "timeout_seconds"]
    previews  = ["bucket", "retention_days"]
    schedules = ["enabled", "every_minutes"]
    streams   = ["profile", "schedule", "run_id", "index_id", "video_ids", "event_types", "batch_size", "window_seconds", "idle_seconds", "max_events", "max_bytes", "lease_seconds", "cursor_policy", "start_from"]
    webhook   = ["access"]
  }
}

variable "alert_emails" {
  type    = set(string)
  default = null
}

variable "alerts" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.alerts), []), local.fields.alerts)) == 0
    error_message = "alerts has no field ${join(", ", setsubtract(try(keys(var.alerts), []), local.fields.alerts))}. Its fields: ${join(", ", local.fields.alerts)}."
  }
}

variable "api_base_url" {
  type    = string
  default = null
}

variable "api_key_secret" {
  type    = string
  default = null
}

variable "archive" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.archive), []), local.fields.archive)) == 0
    error_message = "archive has no field ${join(", ", setsubtract(try(keys(var.archive), []), local.fields.archive))}. Its fields: ${join(", ", local.fields.archive)}."
  }
}

variable "automations_file" {
  type    = string
  default = null
}

variable "bigquery" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.bigquery), []), local.fields.bigquery)) == 0
    error_message = "bigquery has no field ${join(", ", setsubtract(try(keys(var.bigquery), []), local.fields.bigquery))}. Its fields: ${join(", ", local.fields.bigquery)}."
  }
}

variable "budget" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.budget), []), local.fields.budget)) == 0
    error_message = "budget has no field ${join(", ", setsubtract(try(keys(var.budget), []), local.fields.budget))}. Its fields: ${join(", ", local.fields.budget)}."
  }
}

variable "deletion_protection" {
  type    = bool
  default = null
}

variable "environment" {
  type    = map(map(string))
  default = null
}

variable "firestore" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.firestore), []), local.fields.firestore)) == 0
    error_message = "firestore has no field ${join(", ", setsubtract(try(keys(var.firestore), []), local.fields.firestore))}. Its fields: ${join(", ", local.fields.firestore)}."
  }
}

variable "functions" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(flatten([for each in try(values(var.functions), []) : try(keys(each), [])]), local.fields.functions)) == 0
    error_message = "functions has no field ${join(", ", setsubtract(flatten([for each in try(values(var.functions), []) : try(keys(each), [])]), local.fields.functions))}. Its fields: ${join(", ", local.fields.functions)}."
  }
}

variable "grant_wait_seconds" {
  type    = number
  default = null
}

variable "keep_data_in_region" {
  type    = bool
  default = null
}

variable "kms_key" {
  type    = string
  default = null
}

variable "kms_key_grants" {
  type    = bool
  default = null
}

variable "labels" {
  type    = map(string)
  default = null
}

variable "notification_channels" {
  type    = list(string)
  default = null
}

variable "operators" {
  type    = set(string)
  default = null
}

variable "prefix" {
  type    = string
  default = null
}

variable "previews" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.previews), []), local.fields.previews)) == 0
    error_message = "previews has no field ${join(", ", setsubtract(try(keys(var.previews), []), local.fields.previews))}. Its fields: ${join(", ", local.fields.previews)}."
  }
}

variable "profile" {
  type    = string
  default = null
}

variable "project_id" {
  type = string
}

variable "region" {
  type    = string
  default = null
}

variable "schedules" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(flatten([for each in try(values(var.schedules), []) : try(keys(each), [])]), local.fields.schedules)) == 0
    error_message = "schedules has no field ${join(", ", setsubtract(flatten([for each in try(values(var.schedules), []) : try(keys(each), [])]), local.fields.schedules))}. Its fields: ${join(", ", local.fields.schedules)}."
  }
}

variable "signed_url_buckets" {
  type    = set(string)
  default = null
}

variable "storage_regions" {
  type    = list(string)
  default = null
}

variable "streams" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(flatten([for each in try(values(var.streams), []) : try(keys(each), [])]), local.fields.streams)) == 0
    error_message = "streams has no field ${join(", ", setsubtract(flatten([for each in try(values(var.streams), []) : try(keys(each), [])]), local.fields.streams))}. Its fields: ${join(", ", local.fields.streams)}."
  }
}

variable "webhook" {
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.webhook), []), local.fields.webhook)) == 0
    error_message = "webhook has no field ${join(", ", setsubtract(try(keys(var.webhook), []), local.fields.webhook))}. Its fields: ${join(", ", local.fields.webhook)}."
  }
}

variable "webhook_ids" {
  type    = set(string)
  default = null
}
