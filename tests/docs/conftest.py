"""Fixtures of tests that run what a page says."""

import pytest

from tests.support.deployed_function import deploy, deploy_embedded, deploy_gcp, standin
from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends import open_backend

__all__ = ["deploy", "deploy_embedded", "deploy_gcp", "standin"]


@pytest.fixture(autouse=True)
def _warm_store(request: pytest.FixtureRequest) -> None:
    """Make the first requests to a store with patience.

    On a busy machine, an emulator that has just started is slower than the bridge waits.
    """
    if "backend_settings" in request.fixturenames:
        documents = open_backend(request.getfixturevalue("backend_settings")).documents
        stored = documents.write("warm-up", "1", {}, replaces=None, timeout=PATIENCE_SECONDS)
        documents.write("warm-up", "1", {}, replaces=stored, timeout=PATIENCE_SECONDS)
        documents.read("warm-up", "1", timeout=PATIENCE_SECONDS)
