"""The settings of the subscriber functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from videovector_bridge.environment import Environment
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.buckets import MAX_SIGNED_URL_SECONDS, read_buckets
from videovector_bridge.settings.cloud import (
    BackendSettings,
    TopicNames,
    read_backend,
    read_lanes,
    read_topics,
)

_ACCOUNT: Final = re.compile(r"[^\s/@]+@[^\s/@]+|\d+")  # the digits are a unique id


@dataclass(frozen=True, slots=True)
class SubscriberSettings:
    """The settings of the subscriber functions.

    `signed_url_seconds` is the lifetime of URLs that the bridge signs itself.
    """

    api: ApiSettings
    backend: BackendSettings
    topics: TopicNames
    automations_file: str
    max_event_bytes: int
    signed_url_buckets: frozenset[str]
    signed_url_seconds: int
    lanes: int


def subscriber_settings(environ: Mapping[str, str]) -> SubscriberSettings:
    """Read the settings of a subscriber. Raises `SettingsError` naming every wrong variable."""
    env = Environment(environ)
    settings = SubscriberSettings(
        read_api(env),
        _read_signing_backend(env),
        read_topics(env),
        env.text("AUTOMATIONS_FILE"),
        env.whole("MAX_EVENT_BYTES", 5_000_000, 1_024, 100_000_000),
        read_buckets(env, "SIGNED_URL_BUCKETS"),
        env.whole("SIGNED_URL_SECONDS", 3_600, 1, MAX_SIGNED_URL_SECONDS),
        read_lanes(env),
    )
    env.finish()
    return settings


def _read_signing_backend(env: Environment) -> BackendSettings:
    account = env.matching("SIGNING_ACCOUNT", "", _ACCOUNT, "the e-mail of a service account")
    return replace(read_backend(env), signing_account=account)
