"""Tests of infra/local/scenario."""
