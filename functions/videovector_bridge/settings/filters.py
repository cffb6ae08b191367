"""The filters of a stream: the events that it requests from VideoVector."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from videovector_bridge.environment import Environment

FILTERS: Final = ("run_id", "index_id", "video_ids", "event_types", "batch_size")
_RULE: Final = ", not empty, without a blank at either end"


@dataclass(frozen=True, slots=True)
class StreamFilters:
    """The filters of one stream. `batch_size` (0: the server's default) selects nothing."""

    run_id: str = ""
    index_id: str = ""
    video_ids: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    batch_size: int = 0

    def identity(self) -> str:
        """Return the selection in canonical form. A cursor is valid for one selection only."""
        return json.dumps(
            {
                "event_types": sorted(set(self.event_types)),
                "index_id": self.index_id,
                "run_id": self.run_id,
                "video_ids": sorted(set(self.video_ids)),
            },
            separators=(",", ":"),
        )


def read_filters(env: Environment, where: str, values: Mapping[str, Any]) -> StreamFilters:
    """Read the filters among `values`; problems are recorded in `env` under `where`."""
    size = env.check_whole(f"{where}: batch_size", values.get("batch_size", 0), 0, 0, 100_000)
    return StreamFilters(
        _read_text(env, where, "run_id", values.get("run_id")),
        _read_text(env, where, "index_id", values.get("index_id")),
        _read_texts(env, where, "video_ids", values.get("video_ids")),
        _read_texts(env, where, "event_types", values.get("event_types")),
        size,
    )


def _read_text(env: Environment, where: str, key: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not _is_text(value):
        env.problems.append(f"{where}: {key} must be a string{_RULE}, not {value!r:.40}")
        return ""
    return value


def _read_texts(env: Environment, where: str, key: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(i, str) and _is_text(i) for i in value):
        env.problems.append(f"{where}: {key} must be a list of strings{_RULE}, not {value!r:.40}")
        return ()
    if env.text("LIST_ENCODING") == "comma" and any("," in item for item in value):
        env.problems.append(
            f"{where}: {key} contains a comma, which separates items with LIST_ENCODING=comma"
        )
    return tuple(value)


def _is_text(value: str) -> bool:
    return bool(value) and value == value.strip()
