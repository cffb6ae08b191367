"""Tests of the pure parts of infra/standin/events: events and the event log."""
