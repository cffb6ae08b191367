"""Publish events from the event stream, window by window, and from webhook deliveries.

The entry points are `drain` and `webhook`. Imports `api`, `backends` and the modules of the root
package. `main.py` imports it, and the command line imports `ingest.delivery`.
"""
