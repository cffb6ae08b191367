"""Tests of infra/local/view."""
