"""Tests of infra/standin."""
