"""Webhooks, their events and their deliveries over HTTP.

Imported by the state and the layers above it.
"""
