"""The automations file: its reader, its JSON Schema, and the filters of subscriptions.

`wiring`, `check`, the command line and the local stack import this package. It imports `plan`,
`actions` and `cel`.
"""
