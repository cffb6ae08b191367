variable "api_base_url" {
  description = "Root of the VideoVector API."
  type        = string
  default     = "https://api.vectormethods.com/api/v2"
  nullable    = false

  validation {
    condition     = can(regex("^https://[^/?#@]+(/[^?#]*)?$", var.api_base_url))
    error_message = "The API root is an https address without user, query or fragment."
  }
}

variable "api_key_secret" {
  description = "Name of the Secret Manager secret that holds the API key. It exists before Terraform runs: `make deploy` makes it, or the line in the README."
  type        = string
  default     = "videovector-api-key"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.api_key_secret))
    error_message = "Name the secret alone: 1 to 255 letters, digits, hyphens and underscores."
  }
}

variable "alerts" {
  description = "When alerts are raised: age of the newest drained event, age of the oldest message that a subscriber has not acknowledged (seconds), rejected messages and refused deliveries in 10 minutes."
  type = object({
    cursor_age_seconds     = optional(number, 900)
    unacked_seconds        = optional(number, 1800)
    rejected_in_10_minutes = optional(number, 20)
    refused_in_10_minutes  = optional(number, 50)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for value in values(var.alerts) : value > 0])
    error_message = "Every threshold of an alert is above 0."
  }
}

variable "archive" {
  description = "Keep every event in a bucket, as Avro, for so many days (null: no archive)."
  type = object({
    retention_days = optional(number, 365)
  })
  default = null

  validation {
    condition     = var.archive == null ? true : var.archive.retention_days >= 1
    error_message = "An archive keeps events for 1 day or more."
  }
}

variable "automations_file" {
  description = "Path of your automations file (null: the one in functions/). Run `videovector-bridge automations filters --topology infra/topology.json --write` after changing it."
  type        = string
  default     = null

  validation {
    condition     = var.automations_file == null ? true : fileexists(var.automations_file)
    error_message = "There is no such automations file."
  }
}

variable "bigquery" {
  description = "Copy every event into a BigQuery table (null: no copy). The location is BigQuery's; by default the region."
  type = object({
    dataset        = optional(string, "videovector")
    location       = optional(string)
    retention_days = optional(number)
  })
  default = null

  validation {
    condition     = var.bigquery == null ? true : can(regex("^[A-Za-z0-9_]+$", var.bigquery.dataset))
    error_message = "The name of a dataset has letters, digits and underscores."
  }

  validation {
    condition     = try(var.bigquery.retention_days, null) == null ? true : var.bigquery.retention_days >= 1
    error_message = "A copy is kept for 1 day or more."
  }
}

variable "budget" {
  description = "Tell when so much was spent in a month (null: no budget alert)."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string, "USD")
  })
  default = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) && var.budget.amount >= 1
    error_message = "A budget names a billing account (XXXXXX-XXXXXX-XXXXXX) and an amount of 1 or more."
  }
}

variable "deletion_protection" {
  description = "Keep the Firestore database and buckets that hold anything when everything else is destroyed."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "Further settings of the functions, by function (\"all\": every one), as the table of settings in README.md names them."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for settings in values(var.environment) : [
        for name in keys(settings) : !contains(["VIDEO_VECTOR_API_KEY", "WEBHOOK_SECRETS"], name)
      ]
    ]))
    error_message = "Secrets are no settings: the API key and the webhook's secrets are in Secret Manager."
  }

  validation {
    condition = length(setintersection(flatten([for settings in values(var.environment) : keys(settings)]), [
      "CLAIM_BUCKET", "EVENTS_TOPIC", "FIRESTORE_DATABASE", "GOOGLE_CLOUD_PROJECT", "MEDIA_URLS_TOPIC", "PREVIEW_BUCKET",
      "REJECTED_TOPIC", "SIGNED_URL_BUCKETS", "STREAMS", "VIDEO_VECTOR_API_KEY_FILE", "VIDEO_VECTOR_BASE_URL",
      "WEBHOOK_IDS", "WEBHOOK_SECRETS_FILE",
    ])) == 0
    error_message = "Topics, buckets, streams and whatever else has a variable of its own are set by that: grants and alerts follow it."
  }

  validation {
    condition     = length(setsubtract(keys(var.environment), concat(["all"], keys(local.topology.functions)))) == 0
    error_message = "Settings are for \"all\" or for a function of topology.json."
  }
}

variable "firestore" {
  description = "The Firestore database: its name, its location (by default the region), and whether it is made here."
  type = object({
    create   = optional(bool, true)
    database = optional(string, "(default)")
    location = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.firestore.database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore.database))
    error_message = "A database is named (default), or with 4 to 63 lower-case letters, digits and hyphens."
  }
}

variable "kms_key" {
  description = "Encrypt with this key: projects/P/locations/L/keyRings/R/cryptoKeys/K, in the region (null: Google's keys). infra/README.md says which service agents have to exist first."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "Name the key in full: projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "labels" {
  description = "Labels of everything that has labels."
  type        = map(string)
  default     = { app = "videovector-bridge" }
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Labels are lower-case letters, digits, hyphens and underscores, 63 at most, and a key begins with a letter."
  }
}

variable "notification_channels" {
  description = "Where alerts go: projects/P/notificationChannels/N."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", each))])
    error_message = "A notification channel is named projects/P/notificationChannels/N."
  }
}

variable "prefix" {
  description = "Begins the name of every resource, for several bridges in one project. A service account's name holds 30 characters, so it is short."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.prefix == "" || can(regex("^[a-z][a-z0-9-]{0,8}-$", var.prefix))
    error_message = "A prefix has up to 10 lower-case letters, digits and hyphens, and ends in a hyphen."
  }
}

variable "previews" {
  description = "The bucket for previews: its name (by default made of the project's), and for how many days a file is kept (null: for ever)."
  type = object({
    bucket         = optional(string)
    retention_days = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.previews.retention_days == null ? true : var.previews.retention_days >= 1
    error_message = "Previews are kept for 1 day or more."
  }

  validation {
    condition     = var.previews.bucket == null ? true : can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.previews.bucket))
    error_message = "Name the bucket alone, without gs://: 3 to 63 lower-case letters, digits, hyphens, underscores and dots."
  }
}

variable "project_id" {
  description = "The Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "region" {
  description = "Where everything runs."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is named like us-central1 or europe-west1."
  }
}

variable "signed_url_buckets" {
  description = "Buckets that URLs may be issued for. For `signer = \"storage\"`, grant the service account of issue-signed-urls roles/storage.objectViewer on those that are not made here."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.signed_url_buckets : can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", each))])
    error_message = "Name each bucket alone, without gs://."
  }
}

variable "storage_regions" {
  description = "Where Pub/Sub may store messages (by default the region)."
  type        = list(string)
  default     = null

  validation {
    condition     = var.storage_regions == null ? true : length(var.storage_regions) > 0 && alltrue([for each in var.storage_regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", each))])
    error_message = "Messages are stored in one region or more, named like us-central1 or europe-west1."
  }
}

variable "streams" {
  description = "The streams that are drained, by name: filters, limits of a window, where a new one begins (`latest`, `earliest` or an event id), what happens when VideoVector refuses the cursor, and the schedule (unix-cron)."
  type = map(object({
    schedule       = optional(string, "* * * * *")
    run_id         = optional(string)
    index_id       = optional(string)
    video_ids      = optional(list(string))
    event_types    = optional(list(string))
    batch_size     = optional(number)
    window_seconds = optional(number, 50)
    idle_seconds   = optional(number, 10)
    max_events     = optional(number)
    max_bytes      = optional(number)
    lease_seconds  = optional(number)
    cursor_policy  = optional(string, "fail")
    start_from     = optional(string)
  }))
  default  = { default = {} }
  nullable = false

  validation {
    condition     = length(var.streams) > 0 && alltrue([for name in keys(var.streams) : can(regex("^[a-z][a-z0-9-]{0,39}$", name))])
    error_message = "There is at least one stream; a name has up to 40 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : each.window_seconds >= 1 && each.window_seconds <= 1700])
    error_message = "A window lasts 1 to 1700 seconds: Cloud Scheduler waits for half an hour at most."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : each.idle_seconds > 0 && each.idle_seconds <= each.window_seconds])
    error_message = "A window that ends when idle does so after more than 0 seconds, and no later than the window itself."
  }

  validation {
    condition = alltrue([
      for each in values(var.streams) : alltrue([
        for limit in [each.batch_size, each.max_events, each.max_bytes, each.lease_seconds] : limit == null ? true : limit >= 1
      ]) && coalesce(each.lease_seconds, 1) <= 3600 && coalesce(each.batch_size, 1) <= 100000
    ])
    error_message = "Limits of a window are 1 or more; a lease lasts 3600 seconds at most, and a batch has 100000 events at most."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : contains(["fail", "latest", "earliest"], each.cursor_policy)])
    error_message = "The cursor policy is fail, latest or earliest."
  }

  validation {
    condition = alltrue([
      for each in values(var.streams) : each.start_from == null ? true : can(regex("^[!-~]([ -~]{0,898}[!-~])?$", each.start_from)) && (
        contains(["latest", "earliest"], each.start_from) || !contains(["latest", "earliest"], lower(each.start_from))
      )
    ])
    error_message = "A stream begins at latest, earliest or an event id: 1 to 900 printable ASCII characters, no blank at either end."
  }

  validation {
    condition = length(var.streams) == length(distinct([
      for each in values(var.streams) : jsonencode([
        each.run_id, each.index_id, toset(coalesce(each.video_ids, [])), toset(coalesce(each.event_types, [])),
      ])
    ]))
    error_message = "No two streams have the same filters: every event would be published twice."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : length(split(" ", trimspace(each.schedule))) == 5])
    error_message = "A schedule is a unix-cron of five fields, such as \"* * * * *\"."
  }
}

variable "webhook_ids" {
  description = "Webhooks that may deliver (none named: any whose signature is right)."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.webhook_ids : can(regex("^[^,[:space:]]+$", each))])
    error_message = "The id of a webhook has no comma and no blank."
  }
}
