"""Tests of infra/local."""
