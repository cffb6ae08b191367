output "archive" {
  description = "Path of the zip, the hash of its content, and the version of the bridge."
  value       = { path = data.archive_file.source.output_path, hash = local.hash, version = local.version }
}

output "topology" {
  description = "The topology, from infra/topology.json, which the local stack reads too."
  value       = jsondecode(file("${local._root}/infra/topology.json"))
}
