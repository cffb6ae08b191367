# The topology, with the defaults of optional fields and the settings of this deployment.

locals {
  push_functions = { for name, each in var.topology.functions : name => each if each.trigger == "push" }

  functions = {
    for name, each in var.topology.functions : name => merge(
      { environment = {}, public = false, signs = false },
      each,
      {
        resources = merge(
          each.resources,
          # `drain` runs as long as its longest call, and for every stream at once.
          name == "drain" ? {
            max_instances   = max(each.resources.max_instances, local.drain_calls + 1)
            timeout_seconds = local.drain_seconds
          } : {},
          { for key, value in try(var.functions[name], {}) : key => value if value != null },
        )
      },
    )
  }

  drain_seconds = max(var.topology.functions.drain.resources.timeout_seconds, ceil(local.longest_call_seconds) + 40)

  # Pub/Sub cannot change the filter of a subscription. A key has the hash of the filter, so a
  # changed filter makes another subscription. Pub/Sub charges for what a filter excludes: a filter
  # that passes nothing, because no automation has the action, makes none.
  push_subscriptions = {
    for name, each in var.topology.subscriptions :
    "${name}-${substr(sha1(each.filter), 0, 8)}" => each
    if contains(keys(each), "function") && try(each.filter, "") != "NOT attributes:\"ce-type\""
  }
  # Subscriptions that a function pulls.
  reader_subscriptions = {
    for name, each in var.topology.subscriptions :
    "${name}-${substr(sha1(each.filter), 0, 8)}" => merge(each, { name = name }) if contains(keys(each), "reader")
  }
  # Subscriptions for people.
  pull_subscriptions = {
    for name, each in var.topology.subscriptions : name => each if !contains(keys(each), "function") && !contains(keys(each), "reader")
  }

  # Functions that Cloud Scheduler calls, `drain` apart, which has a job for each stream.
  schedules = {
    for name, each in var.topology.schedules : name => merge(each, {
      enabled       = try(var.schedules[name].enabled, true)
      every_minutes = coalesce(try(var.schedules[name].every_minutes, null), each.every_seconds / 60)
    }) if name != "drain"
  }
}
