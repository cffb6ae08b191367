output "archive" {
  description = "Path of the zip, and the hash of its content."
  value       = { path = data.archive_file.source.output_path, hash = local.hash }
}

output "topology" {
  description = "The topology, from infra/topology.json, which the local stack reads too."
  value       = jsondecode(file("${local._root}/infra/topology.json"))
}
