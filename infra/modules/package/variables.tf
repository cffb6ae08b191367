variable "automations_file" {
  description = "Path of your automations file (null: the one in functions/). Run `videovector-bridge automations filters --topology infra/topology.json --write` after changing it."
  type        = string
  default     = null

  validation {
    condition     = var.automations_file == null ? true : fileexists(var.automations_file)
    error_message = "The automations file does not exist."
  }
}
