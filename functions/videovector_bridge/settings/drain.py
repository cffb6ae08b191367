"""The settings of `drain`."""

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
from videovector_bridge.settings.streams import StreamSettings, read_streams


@dataclass(frozen=True, slots=True)
class DrainSettings:
    """The settings of `drain`."""

    api: ApiSettings
    backend: BackendSettings
    topics: TopicNames
    streams: Mapping[str, StreamSettings]


def drain_settings(environ: Mapping[str, str]) -> DrainSettings:
    """Read the settings of `drain`. Raises `SettingsError` naming every wrong variable."""
    env = Environment(environ)
    settings = DrainSettings(read_api(env), read_backend(env), read_topics(env), read_streams(env))
    env.finish()
    return settings
