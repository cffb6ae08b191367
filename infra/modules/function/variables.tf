variable "build" {
  description = "How it is built: bucket and object of the source, image repository, and the service account that builds (their ids)."
  type = object({
    bucket          = string
    object          = string
    repository      = string
    service_account = string
  })
}

variable "description" {
  description = "What it does, in a sentence."
  type        = string
}

variable "entry_point" {
  description = "Its name in main.py."
  type        = string
}

variable "environment" {
  description = "Its settings."
  type        = map(string)
}

variable "invokers" {
  description = "Who may call it, by a name of their own."
  type        = map(string)
}

variable "kms_key" {
  description = "The key that encrypts it (null: Google's)."
  type        = string
  default     = null
}

variable "name" {
  description = "Its name. Its service account's is the same after fn-."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,25}[a-z0-9]$", var.name))
    error_message = "The name of a function has 4 to 27 lower-case letters, digits and hyphens: its service account's has 30 at most."
  }
}

variable "project_id" {
  description = "The project that it is in."
  type        = string
}

variable "public" {
  description = "Whether the internet may reach it. Others are reached from the project alone."
  type        = bool
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "resources" {
  description = "What it may use: CPUs, memory, requests at once, instances, seconds for a request."
  type = object({
    cpu             = string
    memory          = string
    concurrency     = number
    max_instances   = number
    timeout_seconds = number
  })

  validation {
    condition     = var.resources.concurrency == 1 || tonumber(var.resources.cpu) >= 1
    error_message = "Several requests at once take a whole CPU."
  }
}

variable "secret_files" {
  description = "Secrets that are mounted as files: folder -> the secret's name, and the file in that folder."
  type = map(object({
    secret = string
    file   = string
  }))
  default = {}
}
