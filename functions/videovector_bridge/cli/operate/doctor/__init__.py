"""The command `doctor`: reads every precondition, and prints the findings of `watch.doctor`.

Only `cli.app` imports it.
"""
