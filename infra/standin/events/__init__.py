"""Processing events and the log that streams replay. No I/O.

Imported by `runs`, `webhooks`, the state and the layers above it.
"""
