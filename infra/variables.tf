# Passed to modules/bridge, which describes and validates them. null is the default there.

variable "alert_emails" {
  type    = set(string)
  default = null
}

variable "alerts" {
  type    = any
  default = null
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
}

variable "automations_file" {
  type    = string
  default = null
}

variable "bigquery" {
  type    = any
  default = null
}

variable "budget" {
  type    = any
  default = null
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
}

variable "functions" {
  type    = any
  default = null
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

variable "prefix" {
  type    = string
  default = null
}

variable "previews" {
  type    = any
  default = null
}

variable "project_id" {
  type = string
}

variable "region" {
  type    = string
  default = null
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
}

variable "webhook" {
  type    = any
  default = null
}

variable "webhook_ids" {
  type    = set(string)
  default = null
}
