"""Tests of the pure parts of infra/standin/runs: runs."""
