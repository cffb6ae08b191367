"""Where the bridge runs: Terraform for Google Cloud, and `local` for one machine."""
