variable "build" {
  description = "The build: bucket and object of the source, image repository and build service account (ids)."
  type = object({
    bucket          = string
    object          = string
    repository      = string
    service_account = string
  })
}

variable "description" {
  description = "Description of the function, one sentence."
  type        = string
}

variable "entry_point" {
  description = "Entry point in main.py."
  type        = string
}

variable "environment" {
  description = "Environment variables of the function."
  type        = map(string)
}

variable "invokers" {
  description = "IAM members that may call the function, by any key."
  type        = map(string)
}

variable "kms_key" {
  description = "Customer-managed encryption key (null: Google's key)."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the function. The service account is fn-NAME."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,25}[a-z0-9]$", var.name))
    error_message = "The name of a function must have 4 to 27 lower-case letters, digits and hyphens: the name of its service account has at most 30."
  }
}

variable "project_id" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "public" {
  description = "Whether the internet can reach the function; otherwise only the project can."
  type        = bool
}

variable "region" {
  description = "Region of the function."
  type        = string
}

variable "resources" {
  description = "Limits: CPUs, memory, concurrent requests, instances, seconds per request."
  type = object({
    cpu             = string
    memory          = string
    concurrency     = number
    max_instances   = number
    timeout_seconds = number
  })

  validation {
    condition     = var.resources.concurrency == 1 || tonumber(var.resources.cpu) >= 1
    error_message = "Concurrency above 1 needs at least 1 CPU."
  }
}

variable "secret_files" {
  description = "Secrets that are mounted as files: folder -> name of the secret, and of the file in the folder."
  type = map(object({
    secret = string
    file   = string
  }))
  default = {}
}
