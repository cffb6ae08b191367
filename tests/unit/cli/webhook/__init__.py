"""Tests of cli/webhook."""
