"""Turn VideoVector's processing events into Pub/Sub messages, and act on them.

`main.py` and the command line import it; it imports nothing of `infra` or `tests`.
"""
