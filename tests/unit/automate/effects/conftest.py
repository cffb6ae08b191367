"""Fixtures of the tests of effects."""

from tests.support.stepping import model

__all__ = ["model"]
