"""The settings of `canary`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from videovector_bridge.environment import Environment
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import (
    BackendSettings,
    TopicNames,
    read_backend,
    read_lanes,
    read_topics,
)
from videovector_bridge.settings.streams import StreamSettings, read_streams

# https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_SUBSCRIPTION: Final = re.compile(
    r"(?:projects/[^\s/]+/subscriptions/)?(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
)
_SUBSCRIPTION_RULE: Final = "a subscription: its name, or projects/PROJECT/subscriptions/NAME"
_LEAST_STREAM_SECONDS: Final = 900.0
_WINDOWS: Final = 3
_LIMITS: Final = (1, 604_800)


@dataclass(frozen=True, slots=True)
class CanarySettings:
    """The settings of `canary`.

    `stream_seconds` is how long each stream may send nothing, by name. `subscription` has the test
    events of topic `events`. `webhooks` are the names of the webhooks to test; empty: all of the
    bridge. `seconds` bounds all checks of one run together.
    """

    api: ApiSettings
    backend: BackendSettings
    topics: TopicNames
    lanes: int
    streams: Mapping[str, StreamSettings]
    stream_seconds: Mapping[str, float]
    subscription: str
    webhooks: tuple[str, ...]
    seconds: float


def canary_settings(environ: Mapping[str, str]) -> CanarySettings:
    """Read the settings of `canary`. Raises `SettingsError` naming every wrong variable."""
    env = Environment(environ)
    api, backend, topics, lanes = (
        read_api(env),
        read_backend(env),
        read_topics(env),
        read_lanes(env),
    )
    streams = read_streams(env)
    settings = CanarySettings(
        api,
        backend,
        topics,
        lanes,
        streams,
        _read_stream_seconds(env, streams),
        env.matching("CANARY_SUBSCRIPTION", "canary", _SUBSCRIPTION, _SUBSCRIPTION_RULE),
        _read_names(env.text("CANARY_WEBHOOKS")),
        env.number("CANARY_SECONDS", 60, 1, 1_800),
    )
    # The lanes are also a default of each stream.
    env.problems[:] = dict.fromkeys(env.problems)
    env.finish()
    return settings


def _read_stream_seconds(
    env: Environment, streams: Mapping[str, StreamSettings]
) -> dict[str, float]:
    """Read a number for all streams, or a JSON object with numbers by name."""
    variable = "CANARY_STREAM_SECONDS"
    seconds = {
        name: max(_LEAST_STREAM_SECONDS, _WINDOWS * stream.window.window_seconds)
        for name, stream in streams.items()
    }
    text = env.text(variable)
    if not text:
        return seconds
    if not text.startswith("{"):
        return dict.fromkeys(seconds, env.check_number(variable, text, 1, *_LIMITS))
    for name, value in env.json_object(variable).items():
        if name in seconds:
            seconds[name] = env.check_number(f"{variable}: {name}", value, 1, *_LIMITS)
        else:
            env.problems.append(f"{variable}: there is no stream {name[:80]!r} in STREAMS")
    return seconds


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
