"""The command `status`: gathers facts from all sources, and prints the lines of `watch.status`.

Only `cli.app` imports it.
"""
