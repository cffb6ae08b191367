# What the profile of a stream sets: the limits of its windows, and when Cloud Scheduler calls `drain`.
#
# `economy`: a window each minute, or as the stream's schedule says; it ends early while nothing comes.
# `live`: a window each minute, which lasts until the next one asks for the hand-over. Cloud Scheduler
# never has two executions of one job at once, so two jobs call `drain` in turn.

locals {
  _profiles = {
    economy = { window_seconds = 20, idle_seconds = 10, waits = false }
    # No idle timeout. A window first waits for the hand-over.
    live = { window_seconds = 100, idle_seconds = null, waits = true }
  }
  _stream_profiles = { for name, each in var.streams : name => coalesce(each.profile, var.profile) }

  # The streams, with the values of their profiles.
  streams = {
    for name, each in var.streams : name => merge(each, {
      profile        = local._stream_profiles[name]
      live           = local._stream_profiles[name] == "live"
      schedule       = coalesce(each.schedule, "* * * * *")
      window_seconds = coalesce(each.window_seconds, local._profiles[local._stream_profiles[name]].window_seconds)
      idle_seconds   = each.idle_seconds == null ? local._profiles[local._stream_profiles[name]].idle_seconds : each.idle_seconds
      # For the lease, which ends by itself if its owner is dead, and a margin: as in hand_over.py.
      wait_seconds = local._profiles[local._stream_profiles[name]].waits ? coalesce(each.lease_seconds, 30) + 5 : 0
    })
  }

  # The job of a stream has the stream's name. A live stream has a second one: no other stream can have
  # its name, which has an underscore.
  drain_jobs = merge(
    { for name, each in local.streams : name => { stream = name, schedule = each.live ? "*/2 * * * *" : each.schedule, when = each.live ? "at even minutes" : "" } },
    { for name, each in local.streams : "${name}_odd" => { stream = name, schedule = "1-59/2 * * * *", when = "at odd minutes" } if each.live },
  )

  # Calls of `drain` at the same time: a live stream has one that reads and one that waits.
  drain_calls = sum([for each in values(local.streams) : each.live ? 2 : 1])
  # The longest wait and window of any stream.
  longest_call_seconds = max([for each in values(local.streams) : each.wait_seconds + each.window_seconds]...)
}
