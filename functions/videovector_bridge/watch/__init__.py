"""Scheduled functions that watch whether the bridge is well.

Imported by `functions/main.py` only. It imports `api`, `backends` and what is below, neither
`ingest` nor `automate`.
"""
