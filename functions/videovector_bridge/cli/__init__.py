"""The command line `videovector-bridge`, for operators. It is not deployed.

`webhook/` and `automations/` have one group of commands each, and do not import each other.
Commands import every other package of the bridge. Only the local stack imports this one.
"""
