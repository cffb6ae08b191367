"""Publish events from the event stream, window by window, and from webhook deliveries.

`main.py` imports the entry points, `drain` and `webhook`. The command line imports `delivery`.
Imports `api`, `backends` and the modules of the root package, and nothing of `automate`.
"""
