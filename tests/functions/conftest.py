"""Fixtures of tests of functions in their host."""

from collections.abc import Callable

import pytest

from tests.support.automations import GREEN, RED
from tests.support.deployed_function import (
    DeployedFunction,
    deploy,
    deploy_embedded,
    deploy_gcp,
    standin,
)

__all__ = ["deploy", "deploy_embedded", "deploy_gcp", "standin"]


@pytest.fixture
def markers(deploy: Callable[[str], DeployedFunction]) -> DeployedFunction:
    """`upsert_markers` with two automations, over each backend in turn."""
    deployed = deploy("upsert_markers")
    deployed.automations(RED, GREEN)
    return deployed


@pytest.fixture
def embedded(deploy_embedded: Callable[[str], DeployedFunction]) -> DeployedFunction:
    """`upsert_markers` with two automations, over the embedded backend."""
    deployed = deploy_embedded("upsert_markers")
    deployed.automations(RED, GREEN)
    return deployed
