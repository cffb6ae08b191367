# The longest expected time between two windows of a stream, and the time over which an alert watches
# it. Derived from the minutes and hours of its schedule; `alerts.intervals_seconds` overrides this.

locals {
  _hour  = 3600
  _day   = 24 * local._hour
  _month = 31 * local._day

  _schedules = { for name, each in local.streams : name => split(" ", replace(trimspace(each.schedule), "/\\s+/", " ")) }

  # `*`, `5`, `5-20`, each with an optional step: [star, first, last, step].
  _terms = {
    for name, fields in local._schedules : name => [
      for field in slice(fields, 0, 2) : try([for term in split(",", field) : regex("^(?:([*])|([0-9]+)(?:-([0-9]+))?)(?:/([0-9]+))?$", term)], [])
    ]
  }
  _values = {
    for name, fields in local._terms : name => [
      for index, terms in fields : try(flatten([
        for term in terms : range(
          term[0] != null ? 0 : tonumber(term[1]),
          1 + (term[0] != null || (term[2] == null && term[3] != null) ? [59, 23][index] : tonumber(coalesce(term[2], term[1]))),
          tonumber(coalesce(term[3], "1")),
        )
      ]), [])
    ]
  }

  # In order, without repeats; empty if the field cannot be read.
  _minutes = { for name, values in local._values : name => [for minute in range(60) : minute if contains(values[0], minute)] }
  _hours   = { for name, values in local._values : name => [for hour in range(24) : hour if contains(values[1], hour)] }

  # The longest gap in seconds within an hour, to a later hour of the day, and to the next day.
  _daily_gaps = {
    for name, minutes in local._minutes : name => try(60 * max(concat(
      [for index, minute in slice(minutes, 1, length(minutes)) : minute - minutes[index]],
      [
        for index, hour in slice(local._hours[name], 1, length(local._hours[name])) :
        60 * (hour - local._hours[name][index]) + minutes[0] - minutes[length(minutes) - 1]
      ],
      [60 * (24 + local._hours[name][0] - local._hours[name][length(local._hours[name]) - 1]) + minutes[0] - minutes[length(minutes) - 1]],
    )...), null)
  }

  # Certain weekdays count as a week; certain days of the month, or what cannot be read, as a month.
  _gaps = {
    for name, fields in local._schedules : name => try(
      fields[2] == "*" && fields[3] == "*" ? (fields[4] == "*" ? coalesce(local._daily_gaps[name]) : 7 * local._day) : local._month,
      local._month,
    )
  }

  # A window that is longer than the gap skips runs of the schedule, but a live one is handed over.
  intervals = {
    for name, each in local.streams : name => try(
      coalesce(var.alerts.intervals_seconds[name]),
      each.live ? local._gaps[name] : ceil(each.window_seconds / local._gaps[name]) * local._gaps[name],
    )
  }

  # Cloud Monitoring reads the last 25 hours of a log-based metric, a condition's duration included.
  _reach = 25 * local._hour
  # Of a grant, the start of a function, and the metric.
  _margin = 300

  # A stream is not drained if no window succeeded in a range of time, at every moment of a duration: three
  # intervals together, and some minutes. The duration is longer than the interval, so that a new stream
  # has time for its first window. Cloud Monitoring cannot look back far enough for an interval above 12 hours.
  watches = {
    for name, interval in local.intervals : name => {
      duration = max(600, 60 * ceil((interval + local._margin) / 60))
      range    = min(max(300, 2 * interval), local._reach - 60 * ceil((interval + local._margin) / 60))
    } if 2 * (interval + local._margin) <= local._reach
  }

  # Some alerts have only a range.
  periods            = { for name, interval in local.intervals : name => min(max(600, 3 * interval), local._day) }
  _streams_by_period = { for name, period in local.periods : tostring(period) => name... }

  # Streams by both, because a range in PromQL is a literal, and a condition has one duration.
  _watched_streams = { for name, each in local.watches : "${each.range}/${each.duration}" => name... }
  # The others are watched for failures only: one failed window of a day, and none that succeeded.
  _rare_streams = [for name in keys(local.intervals) : name if !contains(keys(local.watches), name)]
}
