"""The commands that operate a deployment: see, explain, stop, rewind and redrive.

Only `cli.app` imports it. Each command works on a `Target`, with `--project` or `--local`.
"""
