"""Output of the local stack: for people, tables and lines; for scripts, JSON files.

Only the commands in the folder above import it.
"""
