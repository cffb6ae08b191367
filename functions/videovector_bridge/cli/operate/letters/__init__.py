"""The commands `rejected` and `dead-letters`: list, show, redrive, drop.

Only `cli.app` imports it. A *letter* is a rejected message or a dead letter. `letter`, `select`,
`summary`, `plan` and `advice` are pure; `leases`, `spool`, `reader` and `redriver` do the work.
"""
