"""Tests of `cli.operate.status`."""
