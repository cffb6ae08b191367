"""Fixtures of these tests."""

from tests.support.commands import cli

__all__ = ["cli"]
