"""The streams to drain: the filters of each, and the limits of its windows."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from videovector_bridge.environment import Environment

CursorPolicy = Literal["fail", "latest", "earliest"]

_FILTERS: Final = ("run_id", "index_id", "video_ids", "event_types", "batch_size")
_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_POLICIES: Final = ("fail", "latest", "earliest")
# Settings of a window: default, lowest and highest value. `STREAMS` may set each per stream.
_NUMBERS: Final = {
    "window_seconds": (50, 1, 1800),
    "idle_seconds": (10, 0.1, 1800),
    "heartbeat_seconds": (30, 0.1, 600),
    "lease_seconds": (30, 1, 3600),
}
_WHOLE_NUMBERS: Final = {
    "max_events": (1_000_000, 1, 10**9),
    "max_bytes": (1_000_000_000, 1, 10**12),
    "max_frame_bytes": (33_554_432, 1_024, 10**9),
    "lanes": (16, 1, 256),
    "linger_ms": (50, 0, 10_000),
}


@dataclass(frozen=True, slots=True)
class StreamFilters:
    """What one stream asks the API for. `batch_size` (0: the server's own) selects nothing."""

    run_id: str = ""
    index_id: str = ""
    video_ids: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    batch_size: int = 0

    def identity(self) -> str:
        """The selection in canonical form: a cursor means nothing under another one."""
        return json.dumps(
            {
                "event_types": sorted(set(self.event_types)),
                "index_id": self.index_id,
                "run_id": self.run_id,
                "video_ids": sorted(set(self.video_ids)),
            },
            separators=(",", ":"),
        )


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Limits of one window and how it publishes. Times in seconds, but for `linger_ms`."""

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


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream: a name, its filters, and its own window."""

    name: str
    filters: StreamFilters
    window: WindowSettings


def read_streams(env: Environment) -> dict[str, StreamSettings]:
    """Read all streams, by name; what is wrong is noted in `env`."""
    defaults: dict[str, Any] = {
        **{key: env.number(key.upper(), *limits) for key, limits in _NUMBERS.items()},
        **{key: env.whole(key.upper(), *limits) for key, limits in _WHOLE_NUMBERS.items()},
        "cursor_policy": env.choice("CURSOR_POLICY", "fail", _POLICIES),
    }
    given = env.json_object("STREAMS") or {"default": {}}
    return {name: _stream(env, name, value, defaults) for name, value in given.items()}


def _stream(env: Environment, name: str, value: Any, defaults: dict[str, Any]) -> StreamSettings:
    where = f"STREAMS: stream {name!r}"
    if not _STREAM_NAME.fullmatch(name):
        env.problems.append(f"{where}: a name is 1 to 63 letters, digits, - and _")
    if not isinstance(value, dict) or not isinstance(value.get("filters", {}), dict):
        env.problems.append(f"{where} (and its `filters`) must be a JSON object")
        value = {}
    # Filters may stand beside the window's settings or in an object of their own.
    own = {**value, **value.get("filters", {})}
    own.pop("filters", None)
    for key in own:
        if key not in defaults and key not in _FILTERS:
            known = ", ".join((*_FILTERS, *defaults))
            env.problems.append(f"{where}: {key!r} is not known; known are {known}")
    return StreamSettings(name, _filters(env, where, own), _window(env, where, own, defaults))


def _filters(env: Environment, where: str, own: dict[str, Any]) -> StreamFilters:
    texts: dict[str, str] = {}
    for key in ("run_id", "index_id"):
        text = own.get(key)
        if text is not None and not isinstance(text, str):
            env.problems.append(f"{where}: {key} must be a string, not {text!r:.40}")
        texts[key] = text if isinstance(text, str) else ""
    lists: dict[str, tuple[str, ...]] = {}
    for key in ("video_ids", "event_types"):
        items = own.get(key)
        if items is None:
            items = []
        if not isinstance(items, list) or not all(isinstance(i, str) and i for i in items):
            env.problems.append(f"{where}: {key} must be a list of strings, not {items!r:.40}")
            items = []
        lists[key] = tuple(items)
    size = env.check_whole(f"{where}: batch_size", own.get("batch_size", 0), 0, 0, 100_000)
    return StreamFilters(
        texts["run_id"], texts["index_id"], lists["video_ids"], lists["event_types"], size
    )


def _window(
    env: Environment, where: str, own: dict[str, Any], defaults: dict[str, Any]
) -> WindowSettings:
    def given(key: str) -> tuple[str, object, Any]:
        return f"{where}: {key}", own.get(key, defaults[key]), defaults[key]

    values: dict[str, Any] = {
        **{key: env.check_number(*given(key), *span[1:]) for key, span in _NUMBERS.items()},
        **{key: env.check_whole(*given(key), *span[1:]) for key, span in _WHOLE_NUMBERS.items()},
        "cursor_policy": env.check_choice(*given("cursor_policy"), _POLICIES),
    }
    return WindowSettings(**values)
