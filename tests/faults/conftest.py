"""Fixtures of tests of faults."""

from tests.support.subscribing import deploy, standin

__all__ = ["deploy", "standin"]
