"""The command line `videovector-bridge`, for operators. It is not deployed.

`webhook/` and `automations/` hold one group of commands each and do not import each other. Commands
use every other package of the bridge; only the local stack imports from here.
"""
