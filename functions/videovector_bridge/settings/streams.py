"""The streams: their filters and the limits of their windows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from videovector_bridge.environment import Environment
from videovector_bridge.events import id_text
from videovector_bridge.settings.cloud import LANES
from videovector_bridge.settings.filters import FILTERS, StreamFilters, read_filters

CursorPolicy = Literal["fail", "latest", "earliest"]
Profile = Literal["economy", "live"]

LONGEST_LEASE_SECONDS: Final = 3_600.0

_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_POLICIES: Final = ("fail", "latest", "earliest")
_PROFILES: Final = ("economy", "live")
_STARTS: Final = ("latest", "earliest")
# Settings of a window: default, lowest and highest value. `STREAMS` may set each per stream.
_NUMBERS: Final = {
    "window_seconds": (20, 1, 1800),
    "idle_seconds": (10, 0.1, 1800),
    "heartbeat_seconds": (30, 0.1, 600),
    "lease_seconds": (30, 1, LONGEST_LEASE_SECONDS),
}
_WHOLE_NUMBERS: Final = {
    "max_events": (1_000_000, 1, 10**9),
    "max_bytes": (1_000_000_000, 1, 10**12),
    "max_frame_bytes": (4_194_304, 1_024, 67_108_864),
    "lanes": LANES,
    "linger_ms": (50, 0, 10_000),
}
# Other defaults of a live window: it ends when the next one asks for the stream. Its length only
# bounds the gap if no other asks.
_LIVE: Final = {
    "window_seconds": 100,
    "linger_ms": 10,
    "idle_seconds": _NUMBERS["idle_seconds"][2],
    "max_events": _WHOLE_NUMBERS["max_events"][2],
    "max_bytes": _WHOLE_NUMBERS["max_bytes"][2],
}


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """The limits of one window, and its publishing. Times in seconds, except `linger_ms`.

    `start_from` is the start of a stream without a cursor: `latest`, `earliest` or an event id.
    With profile `live` a window hands the stream over to the next one.
    """

    window_seconds: float
    idle_seconds: float
    heartbeat_seconds: float
    max_events: int
    max_bytes: int
    max_frame_bytes: int
    lanes: int
    linger_ms: int
    lease_seconds: float
    cursor_policy: CursorPolicy
    start_from: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream: its name, its filters, and the limits of its windows."""

    name: str
    filters: StreamFilters
    window: WindowSettings


def read_streams(env: Environment) -> dict[str, StreamSettings]:
    """Read all streams, by name; problems are recorded in `env`."""
    defaults: dict[str, Any] = {
        **{key: env.number(key.upper(), *limits) for key, limits in _NUMBERS.items()},
        **{key: env.whole(key.upper(), *limits) for key, limits in _WHOLE_NUMBERS.items()},
        "cursor_policy": env.choice("CURSOR_POLICY", "fail", _POLICIES),
        "start_from": _check_start(env, "START_FROM", env.text("START_FROM", "latest"), "latest"),
        "profile": env.choice("PROFILE", "economy", _PROFILES),
    }
    live = {key: value for key, value in _LIVE.items() if not env.text(key.upper())}
    streams: dict[str, StreamSettings] = {}
    by_selection: dict[str, list[str]] = {}
    for name, value in (env.json_object("STREAMS") or {"default": {}}).items():
        problems_before = len(env.problems)
        stream = streams[name] = _read_stream(env, name, value, defaults, live)
        if len(env.problems) == problems_before:  # else the filters may be a default
            by_selection.setdefault(stream.filters.identity(), []).append(name)
    for names in by_selection.values():
        if len(names) > 1:
            env.problems.append(
                f"STREAMS: the streams {', '.join(map(repr, names))} have the same filters, so "
                f"every event would be published {len(names)} times"
            )
    return streams


def _read_stream(
    env: Environment,
    name: str,
    value: Any,
    defaults: Mapping[str, Any],
    live: Mapping[str, Any],
) -> StreamSettings:
    where = f"STREAMS: stream {name[:80]!r}"
    if not _STREAM_NAME.fullmatch(name):
        env.problems.append(f"{where}: a name is 1 to 63 letters, digits, - and _")
    if not isinstance(value, dict) or not isinstance(value.get("filters", {}), dict):
        env.problems.append(f"{where} (and its `filters`) must be a JSON object")
        value = {}
    # Filters may be beside the window settings or in the object `filters`.
    beside = {key: item for key, item in value.items() if key != "filters"}
    inside = value.get("filters", {})
    _check_keys(env, where, beside, inside, defaults)
    filters = read_filters(env, where, {**beside, **inside})
    if beside.get("profile", defaults["profile"]) == "live":
        defaults = {**defaults, **live}
    return StreamSettings(name, filters, _read_window(env, where, beside, defaults))


def _check_keys(
    env: Environment,
    where: str,
    beside: Mapping[str, Any],
    inside: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    for key in beside:
        if key not in defaults and key not in FILTERS:
            known = ", ".join((*FILTERS, *defaults))
            env.problems.append(f"{where}: {key[:80]!r} is not known; known are {known}")
    for key in inside:
        if key in defaults:
            env.problems.append(
                f"{where}: {key} is a window setting; set it beside `filters`, not inside"
            )
        elif key not in FILTERS:
            known = ", ".join(FILTERS)
            env.problems.append(f"{where}: {key[:80]!r} is not a filter; filters are {known}")
        elif key in beside:
            env.problems.append(f"{where}: {key} is set twice, inside `filters` and beside it")


def _read_window(
    env: Environment, where: str, own: Mapping[str, Any], defaults: Mapping[str, Any]
) -> WindowSettings:
    def setting(key: str) -> tuple[str, object, Any]:
        return f"{where}: {key}", own.get(key, defaults[key]), defaults[key]

    values: dict[str, Any] = {
        **{key: env.check_number(*setting(key), *span[1:]) for key, span in _NUMBERS.items()},
        **{key: env.check_whole(*setting(key), *span[1:]) for key, span in _WHOLE_NUMBERS.items()},
        "cursor_policy": env.check_choice(*setting("cursor_policy"), _POLICIES),
        "start_from": _check_start(env, *setting("start_from")),
        "profile": env.check_choice(*setting("profile"), _PROFILES),
    }
    return WindowSettings(**values)


def _check_start(env: Environment, name: str, value: object, default: str) -> str:
    """Return `value` if a stream can start there; else record a problem under `name`."""
    lower = value.strip().lower() if isinstance(value, str) else ""
    if lower in _STARTS and value != lower:
        env.problems.append(f"{name} must be {lower!r} in lower case, not {value!r}")
    elif isinstance(value, str) and id_text(value) is not None:
        return value
    else:
        env.problems.append(
            f"{name} must be latest, earliest or an event id (1 to 900 printable ASCII "
            f"characters, no blank at either end), not {value!r:.40}"
        )
    return default
