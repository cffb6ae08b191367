# What is in the zip. The provider is mocked: no zip is written.

mock_provider "archive" {
  override_during = plan
}

run "default" {
  command = plan

  assert {
    condition     = length(setsubtract(["main.py", "requirements.txt", "automations.toml", "videovector_bridge/__init__.py"], keys(local.source))) == 0
    error_message = "The source must have the functions, their requirements and the automations."
  }

  assert {
    condition     = !anytrue([for file in keys(local.source) : startswith(file, "videovector_bridge/cli/") || strcontains(file, "__pycache__")])
    error_message = "The source must have neither the command line nor Python's caches."
  }

  assert {
    condition     = output.archive.hash == local.hash && strcontains(data.archive_file.source.output_path, local.hash)
    error_message = "The zip must be named by the hash of its content."
  }

  assert {
    condition     = can(regex("^[0-9]+[.][0-9]+[.][0-9]+", output.archive.version))
    error_message = "The version must be that of pyproject.toml."
  }

  assert {
    condition     = output.topology == jsondecode(file("../../topology.json"))
    error_message = "The topology must be that of topology.json."
  }
}

run "other_automations" {
  command = plan

  variables {
    automations_file = "tests/automations.toml"
  }

  assert {
    condition     = local.source["automations.toml"] == file("tests/automations.toml") && local.hash != run.default.archive.hash
    error_message = "The zip must have the operator's automations, and another hash."
  }
}

run "automations_that_do_not_exist" {
  command = plan

  variables {
    automations_file = "no/such/file.toml"
  }

  expect_failures = [var.automations_file]
}
