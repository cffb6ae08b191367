variable "alert_emails" {
  description = "Email addresses that receive alerts. Each gets a notification channel."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.alert_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+$", each))])
    error_message = "alert_emails must be email addresses."
  }
}

variable "alerts" {
  description = "`level`: `essential` alerts on lines of the log and on two metrics; `all` counts lines, which Google charges for (infra/README.md, Alerts). Thresholds of alerts: age of the newest drained event, of the oldest unacknowledged message, and of the oldest event without a copy (seconds). With `all` also: seconds of a pause; rejected messages, refused deliveries (401) and failed deliveries (5xx) in 10 minutes; runs of `reconcile` that repaired events in an hour. `intervals_seconds`: the longest expected time between two windows, by stream; default: derived from its schedule."
  type = object({
    level                     = optional(string, "essential")
    cursor_age_seconds        = optional(number, 900)
    unacked_seconds           = optional(number, 1800)
    copies_seconds            = optional(number, 3600)
    rejected_in_10_minutes    = optional(number, 20)
    refused_in_10_minutes     = optional(number, 50)
    unavailable_in_10_minutes = optional(number, 5)
    repairs_in_an_hour        = optional(number, 3)
    paused_seconds            = optional(number, 21600)
    intervals_seconds         = optional(map(number), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["essential", "all"], var.alerts.level)
    error_message = "level of the alerts must be essential or all, not ${var.alerts.level}."
  }

  validation {
    condition = var.alerts.level == "all" || (
      var.alerts.rejected_in_10_minutes == 20 && var.alerts.refused_in_10_minutes == 50 && var.alerts.unavailable_in_10_minutes == 5
      && var.alerts.repairs_in_an_hour == 3 && var.alerts.paused_seconds == 21600
    )
    error_message = "rejected_in_10_minutes, refused_in_10_minutes, unavailable_in_10_minutes, repairs_in_an_hour and paused_seconds of the alerts need level = \"all\", because alerts count only there."
  }

  validation {
    condition     = alltrue([for name, value in var.alerts : value > 0 if !contains(["intervals_seconds", "level"], name)])
    error_message = "Every threshold of an alert must be above 0."
  }

  validation {
    condition     = var.alerts.paused_seconds <= 86400
    error_message = "paused_seconds of the alerts must be at most 86400 (a day): metrics of logs are not read further back."
  }

  validation {
    condition     = alltrue([for value in values(var.alerts.intervals_seconds) : value >= 60])
    error_message = "intervals_seconds of the alerts must be 60 seconds or more for each stream."
  }
}

variable "api_base_url" {
  description = "Root of the VideoVector API."
  type        = string
  default     = "https://api.vectormethods.com/api/v2"
  nullable    = false

  validation {
    condition     = can(regex("^https://[^/?#@]+(/[^?#]*)?$", var.api_base_url))
    error_message = "The API root must be an https URL without user, query or fragment."
  }
}

variable "api_key_secret" {
  description = "Name of the Secret Manager secret with the API key. It must exist before Terraform runs: `make deploy` creates it, or the command in infra/README.md."
  type        = string
  default     = "videovector-api-key"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.api_key_secret))
    error_message = "The secret's name must have 1 to 255 letters, digits, hyphens and underscores, without projects/."
  }
}

variable "archive" {
  description = "Archive of every event in a bucket, as Avro (null: no archive), kept for `retention_days`. `enabled = false` ends the copying and keeps the bucket."
  type = object({
    enabled        = optional(bool, true)
    retention_days = optional(number, 365)
  })
  default = null

  validation {
    condition     = var.archive == null ? true : var.archive.retention_days >= 1
    error_message = "retention_days of the archive must be 1 or more."
  }
}

variable "bigquery" {
  description = "Copy of every event in a BigQuery table (null: no copy). `dataset`: default `videovector`, after the prefix. `location` is a BigQuery location; default: the region. `enabled = false` ends the copying and keeps the table."
  type = object({
    enabled        = optional(bool, true)
    dataset        = optional(string)
    location       = optional(string)
    retention_days = optional(number)
  })
  default = null

  validation {
    condition     = try(var.bigquery.dataset, null) == null ? true : can(regex("^[A-Za-z0-9_]+$", var.bigquery.dataset))
    error_message = "The name of a dataset must have letters, digits and underscores only."
  }

  validation {
    condition     = try(var.bigquery.retention_days, null) == null ? true : var.bigquery.retention_days >= 1
    error_message = "retention_days of the BigQuery table must be 1 or more."
  }
}

variable "budget" {
  description = "Monthly budget alert at 50, 90 and 100 % of `amount` (null: no alert)."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string, "USD")
  })
  default = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) && var.budget.amount >= 1
    error_message = "A budget must have a billing account (XXXXXX-XXXXXX-XXXXXX) and an amount of 1 or more."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete what holds data: the Firestore database, the BigQuery table, and buckets that are not empty."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "Other settings by function (\"all\": every function), with the names in docs/configuration.md."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for settings in values(var.environment) : [
        for name in keys(settings) : !contains(["VIDEO_VECTOR_API_KEY", "WEBHOOK_SECRETS"], name)
      ]
    ]))
    error_message = "The API key and the webhook's secrets must be in Secret Manager, not in environment."
  }

  validation {
    condition = length(setintersection(flatten([for settings in values(var.environment) : keys(settings)]), [
      "CANARY_SUBSCRIPTION", "CLAIM_BUCKET", "EVENTS_TOPIC", "FIRESTORE_DATABASE", "GOOGLE_CLOUD_PROJECT", "MEDIA_URLS_TOPIC",
      "PREVIEW_BUCKET", "PROFILE", "PUBSUB_ENDPOINT", "RECONCILE_SUBSCRIPTION", "REJECTED_TOPIC", "SIGNED_URL_BUCKETS", "SOURCE_HASH", "STREAMS",
      "VIDEO_VECTOR_API_KEY_FILE", "VIDEO_VECTOR_BASE_URL", "WEBHOOK_IDS", "WEBHOOK_SECRETS_FILE", "WEBHOOK_SECRETS_NAME",
    ])) == 0
    error_message = "Settings that have a Terraform variable of their own (topics, buckets, streams) must be set with it: grants and alerts depend on it."
  }

  validation {
    condition     = length(setsubtract(keys(var.environment), concat(["all"], keys(var.topology.functions)))) == 0
    error_message = "Keys of environment must be \"all\" or a function of topology.json."
  }
}

variable "firestore" {
  description = "The Firestore database: name (default: `(default)`; with a prefix, PREFIX + `videovector`), location (default: the region), and whether Terraform creates it. Each bridge needs a database of its own."
  type = object({
    create   = optional(bool, true)
    database = optional(string)
    location = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = coalesce(var.firestore.database, "(default)") == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore.database))
    error_message = "A database name must be (default), or have 4 to 63 lower-case letters, digits and hyphens."
  }
}

variable "functions" {
  description = "Sizes of functions that differ from topology.json, by function: CPUs, memory, concurrent requests, instances, seconds per request."
  type = map(object({
    cpu             = optional(string)
    memory          = optional(string)
    concurrency     = optional(number)
    max_instances   = optional(number)
    timeout_seconds = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.functions), keys(var.topology.functions))) == 0
    error_message = "Keys of functions must be functions of topology.json."
  }

  validation {
    condition     = alltrue([for each in values(var.functions) : coalesce(each.concurrency, 1) >= 1 && coalesce(each.max_instances, 1) >= 1 && coalesce(each.timeout_seconds, 1) >= 1])
    error_message = "concurrency, max_instances and timeout_seconds must be 1 or more."
  }

  validation {
    condition     = alltrue([for each in values(var.functions) : can(regex("^[0-9]+(\\.[0-9]+)?$", coalesce(each.cpu, "1"))) && can(regex("^[0-9]+[KMG]i?$", coalesce(each.memory, "512Mi")))])
    error_message = "cpu must be a number of CPUs such as \"0.333\" or \"1\", and memory an amount such as \"512Mi\"."
  }
}

variable "grant_wait_seconds" {
  description = "Seconds that the first apply waits for new grants to become effective, before it creates what needs them."
  type        = number
  default     = 75
  nullable    = false

  validation {
    condition     = var.grant_wait_seconds >= 0 && var.grant_wait_seconds <= 600
    error_message = "grant_wait_seconds must be 0 to 600."
  }
}

variable "keep_data_in_region" {
  description = "Refuse messages that come through another region (Pub/Sub's in-transit enforcement), and publish through the region's own endpoint."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.keep_data_in_region || var.storage_regions == null ? true : contains(var.storage_regions, var.region)
    error_message = "With keep_data_in_region, storage_regions must have the region."
  }
}

variable "kms_key" {
  description = "Customer-managed encryption key in the region: projects/P/locations/L/keyRings/R/cryptoKeys/K (null: Google's keys). It cannot be changed later. Google's service agents must exist first: `make deploy` creates them."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "The key must have its full name: projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "kms_key_grants" {
  description = "Whether Terraform grants the key to Google's service agents. The agents are of the project: where several bridges use one key, set false for all but one."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of every resource that supports labels."
  type        = map(string)
  default     = { app = "videovector-bridge" }
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Labels must have at most 63 lower-case letters, digits, hyphens and underscores, and a key must start with a letter."
  }
}

variable "notification_channels" {
  description = "Notification channels of alerts: projects/P/notificationChannels/N."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", each))])
    error_message = "A notification channel must have its full name: projects/P/notificationChannels/N."
  }
}

variable "operators" {
  description = "Members that may use the operator's commands (`videovector-bridge status`, `rewind`, `rejected redrive` ...), such as `group:media-oncall@example.com`. infra/README.md lists their roles."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.operators : can(regex("^(user|group|serviceAccount):[^@[:space:]]+@[^@[:space:]]+$", each))])
    error_message = "operators must be members such as user:EMAIL, group:EMAIL or serviceAccount:EMAIL."
  }
}

variable "prefix" {
  description = "Prefix of every resource name, for several bridges in one project. It is short because a service account's name has at most 30 characters."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.prefix == "" || can(regex("^[a-z][a-z0-9-]{0,8}-$", var.prefix))
    error_message = "A prefix must have at most 10 lower-case letters, digits and hyphens, start with a letter and end with a hyphen."
  }
}

variable "previews" {
  description = "The bucket for previews: name (default: derived from the project id), and days until a file is deleted (null: never)."
  type = object({
    bucket         = optional(string)
    retention_days = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.previews.retention_days == null ? true : var.previews.retention_days >= 1
    error_message = "retention_days of previews must be 1 or more."
  }

  validation {
    condition     = var.previews.bucket == null ? true : can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.previews.bucket))
    error_message = "The bucket's name must have 3 to 63 lower-case letters, digits, hyphens, underscores and dots, without gs://."
  }
}

variable "profile" {
  description = "How streams are drained. `economy`: a window each minute, which ends early while nothing comes; an event waits up to a minute. `live`: each window lasts until the next one takes over, so that an event waits half a second over a hand-over; an instance of `drain` always runs. A stream may have its own `profile`."
  type        = string
  default     = "economy"
  nullable    = false

  validation {
    condition     = contains(["economy", "live"], var.profile)
    error_message = "profile must be economy or live, not ${var.profile}."
  }
}

variable "project_id" {
  description = "Id of the Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id must have 6 to 30 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "region" {
  description = "Region of every resource."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region must have a name like us-central1 or europe-west1."
  }
}

variable "schedules" {
  description = "How often Cloud Scheduler calls `reconcile` and `canary`, by function: minutes between two calls (default: 5 and 60; 1 to 30 that divide 60, or hours that divide 24, at most 480). `enabled = false` ends the calls; the function and its subscription stay."
  type = map(object({
    enabled       = optional(bool, true)
    every_minutes = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.schedules), setsubtract(keys(var.topology.schedules), ["drain"]))) == 0
    error_message = "Keys of schedules must be functions with a schedule in topology.json, and not drain, whose schedules are in streams."
  }

  validation {
    condition     = alltrue([for each in values(var.schedules) : contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480], coalesce(each.every_minutes, 60))])
    error_message = "every_minutes must be 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360 or 480."
  }
}

variable "signed_url_buckets" {
  description = "Buckets whose objects may get signed URLs. For `signer = \"storage\"`, grant roles/storage.objectViewer to the service account of issue-signed-urls on buckets that Terraform does not create."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.signed_url_buckets : can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", each))])
    error_message = "Bucket names must not start with gs://."
  }
}

variable "source_archive" {
  description = "The zip of the functions, the hash of its content, and the version of the bridge: the output `archive` of modules/package."
  type = object({
    path    = string
    hash    = string
    version = optional(string, "")
  })
  nullable = false
}

variable "storage_regions" {
  description = "Regions where Pub/Sub may store messages (default: the region)."
  type        = list(string)
  default     = null

  validation {
    condition     = var.storage_regions == null ? true : length(var.storage_regions) > 0 && alltrue([for each in var.storage_regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", each))])
    error_message = "storage_regions must have one region or more, with names like us-central1 or europe-west1."
  }
}

variable "streams" {
  description = "Streams to drain, by name: filters, profile, window limits, start position of a new stream (`latest`, `earliest` or an event id), policy for a refused cursor, and schedule (unix-cron; default: each minute). Defaults of a window: 20 seconds with an idle timeout of 10; of a live one 100 seconds, without idle timeout and with a fixed schedule."
  type = map(object({
    profile        = optional(string)
    schedule       = optional(string)
    run_id         = optional(string)
    index_id       = optional(string)
    video_ids      = optional(list(string))
    event_types    = optional(list(string))
    batch_size     = optional(number)
    window_seconds = optional(number)
    idle_seconds   = optional(number)
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
    error_message = "There must be at least one stream; a name must have at most 40 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : coalesce(each.window_seconds, 20) >= 1 && coalesce(each.window_seconds, 20) <= 1700])
    error_message = "A window must last 1 to 1700 seconds: Cloud Scheduler waits at most half an hour."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : coalesce(each.idle_seconds, 10) > 0 && coalesce(each.idle_seconds, 10) <= coalesce(each.window_seconds, 20)])
    error_message = "idle_seconds must be above 0 and not above window_seconds."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : contains(["economy", "live"], coalesce(each.profile, "economy"))])
    error_message = "profile of a stream must be economy or live, not ${join(", ", compact([for each in values(var.streams) : coalesce(each.profile, "economy") if !contains(["economy", "live"], coalesce(each.profile, "economy"))]))}."
  }

  validation {
    condition = alltrue([
      for each in values(var.streams) : alltrue([
        for limit in [each.batch_size, each.max_events, each.max_bytes, each.lease_seconds] : limit == null ? true : limit >= 1
      ]) && coalesce(each.lease_seconds, 1) <= 3600 && coalesce(each.batch_size, 1) <= 100000
    ])
    error_message = "Limits of a window must be 1 or more; lease_seconds must be at most 3600, and batch_size at most 100000."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : contains(["fail", "latest", "earliest"], each.cursor_policy)])
    error_message = "The cursor policy must be fail, latest or earliest."
  }

  validation {
    condition = alltrue([
      for each in values(var.streams) : each.start_from == null ? true : can(regex("^[!-~]([ -~]{0,898}[!-~])?$", each.start_from)) && (
        contains(["latest", "earliest"], each.start_from) || !contains(["latest", "earliest"], lower(each.start_from))
      )
    ])
    error_message = "start_from must be latest, earliest or an event id: 1 to 900 printable ASCII characters, no blank at either end."
  }

  validation {
    condition = length(var.streams) == length(distinct([
      for each in values(var.streams) : jsonencode([
        each.run_id, each.index_id, toset(coalesce(each.video_ids, [])), toset(coalesce(each.event_types, [])),
      ])
    ]))
    error_message = "Two streams must not have the same filters: every event would be published twice."
  }

  validation {
    condition     = alltrue([for each in values(var.streams) : length(split(" ", trimspace(coalesce(each.schedule, "* * * * *")))) == 5])
    error_message = "A schedule must be a unix-cron expression of five fields, such as \"* * * * *\"."
  }
}

variable "topology" {
  description = "Topics, functions and subscriptions: the output `topology` of modules/package, which reads infra/topology.json."
  type        = any
  nullable    = false
}

variable "webhook" {
  description = "Who can reach receive-webhook: `public`, `load_balancer` (only an external Application Load Balancer of yours) or `none`."
  type = object({
    access = optional(string, "public")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["public", "load_balancer", "none"], var.webhook.access)
    error_message = "access of the webhook must be public, load_balancer or none."
  }
}

variable "webhook_ids" {
  description = "Ids of webhooks whose deliveries are accepted (empty: any webhook with a valid signature)."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.webhook_ids : can(regex("^[^,[:space:]]+$", each))])
    error_message = "The id of a webhook must not have a comma or a blank."
  }
}
