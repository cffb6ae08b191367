"""The commands `videovector-bridge webhook ...`: one webhook a name, with its secret stored.

Imported by `cli.app`; the local stack uses `ensure`, `secret_rotator` and `secret_store`.
"""
