"""Tests of infra/local/processes."""
