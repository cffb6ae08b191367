"""`make plan`, `make deploy` and `make destroy`: prepare the project, then run Terraform.

Only tests import it. It imports nothing of the bridge, the stand-in or the local stack.
"""
