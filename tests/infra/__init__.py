"""`make test-infra`: the Terraform files, and their plans over mocked providers."""
