"""The commands `videovector-bridge webhook ...`: one webhook a name, with its secret stored.

Imported by `cli.app`. The local stack imports `ensure`, `secret_rotator`, `secret_store` and
`webhook_spec`.
"""
