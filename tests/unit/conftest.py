"""Fixtures of the unit tests."""

from tests.unit.stepping import world
from tests.unit.subscribing import deploy, deploy_embedded, deploy_gcp, standin

__all__ = ["deploy", "deploy_embedded", "deploy_gcp", "standin", "world"]
