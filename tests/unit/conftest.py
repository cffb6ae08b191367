"""Fixtures of the unit tests."""

from tests.support.stepping import world
from tests.support.subscribing import deploy, deploy_embedded, deploy_gcp, standin

__all__ = ["deploy", "deploy_embedded", "deploy_gcp", "standin", "world"]
