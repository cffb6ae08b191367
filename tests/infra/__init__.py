"""`make test-infra`: the Terraform files, and what they plan over mocked providers."""
