"""Tests of the commands `automations ...`."""
