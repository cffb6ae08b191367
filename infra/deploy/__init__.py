"""`make plan`, `make deploy` and `make destroy`: prepare the project, then run Terraform.

Only tests import it. Of the bridge it imports only the rule for API keys; of the stand-in and the
local stack, nothing. `run` and `destroy` have the steps. Decisions over a plan or a state are pure:
`plan_checks`, `filter_changes`, `old_addresses`, `keep_data` and `source_check`.
"""
