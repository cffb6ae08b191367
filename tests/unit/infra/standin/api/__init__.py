"""Tests of the pure parts of infra/standin/api: the endpoints."""
