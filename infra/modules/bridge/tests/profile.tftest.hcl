# Plans of the two profiles, over a mocked provider. tests/infra compares them.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  project_id     = "test-project"
  source_archive = { path = "functions.zip", hash = "0123abcd" }
  topology       = jsondecode(file("../../topology.json"))
}

run "economy" {
  command = plan

  assert {
    condition     = { for name, each in google_cloud_scheduler_job.drain : name => each.schedule } == { default = "* * * * *" }
    error_message = "Without a profile, a stream must have one job, each minute."
  }

  assert {
    condition     = !contains(keys(local.environments["drain"]), "PROFILE") && local._description.streams.default.profile == "economy"
    error_message = "Without a profile, the function must have its default, and the description must say it."
  }
}

# The same plan: what differs is a random value of the mock.
run "again" {
  command = plan
}

run "live" {
  command = plan

  variables {
    profile = "live"
  }

  assert {
    condition     = { for each in google_cloud_scheduler_job.drain : each.name => each.schedule } == { drain-default = "*/2 * * * *", drain-default_odd = "1-59/2 * * * *" }
    error_message = "Two jobs must call a live stream in turn, one at each minute."
  }

  assert {
    condition     = { for each in google_cloud_scheduler_job.drain : each.name => each.description } == { drain-default = "Drains the stream default for 100 seconds at most at even minutes", drain-default_odd = "Drains the stream default for 100 seconds at most at odd minutes" }
    error_message = "Each job must say when it calls."
  }

  assert {
    condition     = alltrue([for each in google_cloud_scheduler_job.drain : jsondecode(base64decode(each.http_target[0].body)) == { stream = "default" } && each.attempt_deadline == "185s"])
    error_message = "Both jobs must send the stream's name, and wait longer than the function."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["drain"].service_config[0].timeout_seconds == 175
    error_message = "The timeout must cover the wait for the hand-over, the window and its end."
  }

  assert {
    condition     = local.environments["drain"].PROFILE == "live" && jsondecode(local.environments["drain"].STREAMS) == { default = { window_seconds = 100, cursor_policy = "fail" } }
    error_message = "The function must know the profile; a live stream has no idle timeout."
  }

  assert {
    condition     = local.environments["canary"].PROFILE == "live" && local.environments["canary"].STREAMS == local.environments["drain"].STREAMS && jsondecode(local.environments["canary"].CANARY_STREAM_SECONDS) == { default = 900 }
    error_message = "The canary must read the streams as drain does."
  }

  assert {
    condition     = local._description.streams.default == { profile = "live", schedule = "* * * * *", window_seconds = 100, filters = {} }
    error_message = "The description must say the profile, and that a window starts each minute."
  }

  assert {
    condition     = local.intervals.default == 60
    error_message = "Alerts must expect a window each minute: a live window is handed over before its deadline."
  }

  assert {
    condition     = keys(output.drain_commands) == ["default"]
    error_message = "A stream must have one command that drains it now."
  }
}

# Streams of both profiles, more than drain has instances in topology.json.
run "mixed" {
  command = plan

  variables {
    prefix = "two-"
    streams = merge(
      {
        slow     = { run_id = "run_1", schedule = "*/30 * * * *" }
        slow-odd = { run_id = "run_2", idle_seconds = 5 }
        long     = { run_id = "run_3", profile = "live", window_seconds = 200 }
      },
      { for number in range(5) : "s${number}" => { run_id = "s${number}", profile = "live" } },
    )
  }

  assert {
    condition = { for each in google_cloud_scheduler_job.drain : each.name => each.schedule if !startswith(each.name, "two-drain-s") || startswith(each.name, "two-drain-slow") } == {
      two-drain-slow     = "*/30 * * * *"
      two-drain-slow-odd = "* * * * *"
      two-drain-long     = "*/2 * * * *"
      two-drain-long_odd = "1-59/2 * * * *"
    }
    error_message = "A stream may have its own profile, and no two jobs the same name."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["drain"].service_config[0].max_instance_count == 15 && google_cloudfunctions2_function.this["drain"].service_config[0].timeout_seconds == 275
    error_message = "Drain must have two instances for each live stream, and time for the longest call."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS).long == { profile = "live", run_id = "run_3", window_seconds = 200, cursor_policy = "fail" } && !contains(keys(jsondecode(local.environments["drain"].STREAMS).slow), "profile")
    error_message = "Only a stream with its own profile must have it in STREAMS."
  }

  assert {
    condition     = { for name in ["slow", "slow-odd", "long"] : name => local.intervals[name] } == { slow = 1800, slow-odd = 60, long = 60 }
    error_message = "Each stream must be watched by its own schedule."
  }
}

# A live deployment with one stream that is not.
run "exception" {
  command = plan

  variables {
    profile = "live"
    streams = { default = {}, nightly = { run_id = "run_1", profile = "economy", schedule = "0 3 * * *" } }
  }

  assert {
    condition     = { for name, each in google_cloud_scheduler_job.drain : name => each.schedule } == { default = "*/2 * * * *", default_odd = "1-59/2 * * * *", nightly = "0 3 * * *" }
    error_message = "A stream with the profile economy must have its schedule."
  }

  assert {
    condition     = jsondecode(local.environments["drain"].STREAMS).nightly == { profile = "economy", run_id = "run_1", window_seconds = 20, idle_seconds = 10, cursor_policy = "fail" }
    error_message = "A stream must have the limits of its own profile."
  }
}
