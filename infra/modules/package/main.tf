# The package of a deployment: the functions as a zip, the topology, and the version.

locals {
  _root   = "${path.module}/../../.."
  _folder = "${local._root}/functions"

  # Without the operator's command line.
  _files = [
    for file in setunion(
      fileset(local._folder, "{main.py,requirements.txt}"),
      fileset(local._folder, "videovector_bridge/**/*.py"),
    ) : file if !startswith(file, "videovector_bridge/cli/")
  ]
  _automations_file = coalesce(var.automations_file, "${local._folder}/automations.toml")

  source = merge(
    { for file in local._files : file => file("${local._folder}/${file}") },
    { "automations.toml" = file(local._automations_file) },
  )
  version = regex("(?m)^version = \"([^\"]+)\"", file("${local._root}/pyproject.toml"))[0]
  # A hash of the content only; a zip also has metadata.
  hash = sha256(jsonencode(local.source))
}

data "archive_file" "source" {
  type             = "zip"
  output_path      = "${path.root}/.build/${local.hash}.zip"
  output_file_mode = "0644" # the same zip on every machine

  dynamic "source" {
    for_each = local.source

    content {
      filename = source.key
      content  = source.value
    }
  }
}
