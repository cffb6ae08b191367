"""The automations file: its reader, its JSON Schema, and the filters of subscriptions.

`wiring`, `check` and the command line import this package. It uses `plan`, `actions` and `cel`.
"""
