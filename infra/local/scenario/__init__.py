"""The scenario of `make run`: events, failures, a killed window, a redrive.

Only the commands in the folder above import it.
"""
