"""Fixtures of tests that run what a page says."""

from tests.support.subscribing import deploy, deploy_embedded, deploy_gcp, standin

__all__ = ["deploy", "deploy_embedded", "deploy_gcp", "standin"]
