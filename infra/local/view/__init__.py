"""The display of a run for people and scripts: a live table, and the report at the end.

Only the commands in the folder above import it.
"""
