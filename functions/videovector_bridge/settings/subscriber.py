"""Everything that the subscriber functions read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from videovector_bridge.environment import Environment
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import (
    BackendSettings,
    TopicNames,
    read_backend,
    read_topics,
)

# V4 signatures live a week at most: https://cloud.google.com/storage/docs/access-control/signed-urls
MAX_SIGNED_SECONDS: Final = 604_800


@dataclass(frozen=True, slots=True)
class SubscriberSettings:
    """Everything the subscriber functions read.

    `signed_url_seconds` is how long the URLs live that are signed here, by `signing_account` (the
    function's own if empty).
    """

    api: ApiSettings
    backend: BackendSettings
    topics: TopicNames
    automations_file: str
    signed_url_buckets: frozenset[str]
    signed_url_seconds: int
    signing_account: str
    lanes: int


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
        env.whole("SIGNED_URL_SECONDS", 3_600, 1, MAX_SIGNED_SECONDS),
        env.text("SIGNING_ACCOUNT"),
        env.whole("LANES", 16, 1, 256),
    )
    env.finish()
    return settings
