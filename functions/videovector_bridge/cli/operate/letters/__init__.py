"""The commands `rejected` and `dead-letters`: list, show, redrive, drop.

`cli.app` imports it; `make run` imports what redrives, without the commands. A *letter* is a
rejected message or a dead letter. `letter`, `select`, `summary`, `plan` and `advice` are pure;
`leases`, `spool`, `reader` and `redriver` do the work.
"""
