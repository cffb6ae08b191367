"""Turn VideoVector's processing events into Pub/Sub messages, and act on them."""
