"""Publish events: window by window from the event stream, and from deliveries of webhooks."""
