"""The settings of `reconcile`."""

from collections.abc import Mapping
from dataclasses import dataclass

from videovector_bridge.environment import Environment
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import (
    BackendSettings,
    TopicNames,
    read_backend,
    read_lanes,
    read_subscription,
    read_topics,
)


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """The settings of `reconcile`. Times in seconds.

    Work is asked about `after_seconds` after its start. When VideoVector first calls it finished,
    its event has `grace_seconds` to arrive. `seconds` bounds one run, apart from its last request.
    `max_calls` bounds the requests for the status of videos, again those for their details, and
    again those about deliveries.
    """

    api: ApiSettings
    backend: BackendSettings
    topics: TopicNames
    lanes: int
    subscription: str
    after_seconds: float
    grace_seconds: float
    seconds: float
    max_calls: int


def reconcile_settings(environ: Mapping[str, str]) -> ReconcileSettings:
    """Read the settings of `reconcile`. Raises `SettingsError` naming every wrong variable."""
    env = Environment(environ)
    settings = ReconcileSettings(
        read_api(env),
        read_backend(env),
        read_topics(env),
        read_lanes(env),
        read_subscription(env, "RECONCILE_SUBSCRIPTION", "reconcile"),
        env.number("RECONCILE_AFTER_SECONDS", 180, 0, 86_400),
        env.number("RECONCILE_GRACE_SECONDS", 120, 0, 86_400),
        env.number("RECONCILE_SECONDS", 100, 1, 1_700),
        env.whole("RECONCILE_MAX_CALLS", 20, 1, 1_000),
    )
    env.finish()
    return settings
