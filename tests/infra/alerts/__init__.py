"""Metrics, alerts and the dashboard, as planned."""
