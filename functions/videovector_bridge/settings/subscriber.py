"""Everything that the subscriber functions read."""

from collections.abc import Mapping
from dataclasses import dataclass

from videovector_bridge.environment import Environment
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import (
    BackendSettings,
    TopicNames,
    read_backend,
    read_topics,
)


@dataclass(frozen=True, slots=True)
class SubscriberSettings:
    """Everything the subscriber functions read."""

    api: ApiSettings
    backend: BackendSettings
    topics: TopicNames
    automations_file: str
    signed_url_buckets: frozenset[str]


def subscriber_settings(environ: Mapping[str, str]) -> SubscriberSettings:
    """Read the settings of a subscriber. Raises `SettingsError` naming every wrong variable."""
    env = Environment(environ)
    buckets = env.text("SIGNED_URL_BUCKETS").replace("gs://", "").split(",")
    settings = SubscriberSettings(
        read_api(env),
        read_backend(env),
        read_topics(env),
        env.text("AUTOMATIONS_FILE"),
        frozenset(bucket.strip().strip("/") for bucket in buckets if bucket.strip()),
    )
    env.finish()
    return settings
