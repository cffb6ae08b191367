"""Tests of infra/local/oracle."""
