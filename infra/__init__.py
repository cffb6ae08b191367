"""Where the bridge runs: Terraform for Google Cloud, a stand-in API, and the local stack.

`functions/` imports nothing from here.
"""
