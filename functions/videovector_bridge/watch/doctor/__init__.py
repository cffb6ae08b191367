"""Preconditions of a deployment: what was read, in; findings with a fix, out. Pure.

`cli.operate` reads and prints. It imports settings, and the values of the ports.
"""
