"""Markers: one for each (target_type, target_id, field_path)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.standin.errors import ApiError
from infra.standin.ids import digest

Target = tuple[str, str, str | None]
"""(target_type, target_id, field_path)"""


@dataclass(frozen=True, slots=True)
class Marker:
    """A colour and a note for a prompt, a run or an extracted field."""

    marker_id: str
    target_type: str
    target_id: str
    field_path: str | None
    color: str | None
    note: str | None
    updated_at: str

    def json(self) -> dict[str, Any]:
        """Return the marker as the marker endpoints show it."""
        return {
            **self.info(),
            "target_type": self.target_type,
            "target_id": self.target_id,
            "field_path": self.field_path,
        }

    def info(self) -> dict[str, Any]:
        """Return the marker as its target shows it."""
        return {
            "marker_id": self.marker_id,
            "color": self.color,
            "note": self.note,
            "updated_at": self.updated_at,
        }


NO_MARKER: dict[str, Any] = {"marker_id": None, "color": None, "note": None, "updated_at": None}


class Markers:
    """The markers of the user."""

    def __init__(self) -> None:
        self._by_target: dict[Target, Marker] = {}

    def put(self, target: Target, color: str | None, note: str | None, now: str) -> Marker:
        """Create or replace the marker of a target. Its id stays the same."""
        marker = Marker(f"mrk_{digest(*target)}", *target, color, note, now)
        self._by_target[target] = marker
        return marker

    def delete(self, marker_id: str) -> None:
        """Delete a marker. Raises 404."""
        for target, marker in self._by_target.items():
            if marker.marker_id == marker_id:
                del self._by_target[target]
                return
        raise ApiError(404, "Marker not found")

    def all(self) -> Iterator[Marker]:
        """Return every marker, oldest target first."""
        return iter(self._by_target.values())

    def info(self, target_type: str, target_id: str | None) -> dict[str, Any]:
        """Return the value of a `marker` field: the marker of a prompt or run, or an empty one."""
        if target_id is None:
            return NO_MARKER
        marker = self._by_target.get((target_type, target_id, None))
        return NO_MARKER if marker is None else marker.info()

    def field_markers(self, target_id: str) -> dict[str, dict[str, Any]]:
        """Return the value of a `metadata_markers` field: field path to marker."""
        return {
            marker.field_path or "": marker.info()
            for marker in self._by_target.values()
            if marker.target_type == "field" and marker.target_id == target_id
        }
