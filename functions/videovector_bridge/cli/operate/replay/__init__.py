"""The command `replay`: publish again what was published to topic `events`.

Only `cli.app` imports it. `interval`, `preview` and `source` decide without I/O; `archive` and
`topic` read the messages, beside BigQuery in `backends.gcp`; `replayer` publishes them.
"""
