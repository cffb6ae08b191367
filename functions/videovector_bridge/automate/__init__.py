"""Subscriber functions: they act on events as the automations file says.

`main.py` imports `subscriber`. The command line imports what reads and checks automations files,
and plans effects; the local stack imports `automations.reader`. Imports `api`, `backends` and the
modules of the root package, and nothing of `ingest`.
"""
