"""Fixtures of tests of faults."""

from tests.support.deployed_function import deploy, standin

__all__ = ["deploy", "standin"]
