"""Fixtures of the unit tests."""

from tests.unit.subscribing import deploy, deploy_embedded, standin

__all__ = ["deploy", "deploy_embedded", "standin"]
