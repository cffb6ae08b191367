"""`make plan`, `make deploy` and `make destroy`: Terraform, and the little that comes before it."""
