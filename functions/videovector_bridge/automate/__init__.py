"""Subscriber functions: they act on events as the automations file says.

Entry points import `subscriber`. The command line imports `automations`, `check`, `plan` and
`received`. This package uses `api` and `backends`, and imports nothing of `ingest` or `watch`.
"""
