"""Tests of the pure parts of infra/standin/http: the request pipeline."""
