"""The command `tail`: live messages of a topic. Only `cli.app` imports it.

`lines` formats messages and `selection` chooses them, without I/O; `command` reads them.
"""
