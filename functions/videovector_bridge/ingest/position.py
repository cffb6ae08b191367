"""Where a stream is resumed: which Last-Event-ID stands for "everything up to this frame"."""

from dataclasses import dataclass
from typing import Final

_MAX_CURSOR_BYTES: Final = 4_096


@dataclass(slots=True)
class Position:
    """The Last-Event-ID after the frames seen so far.

    Normally a frame's own `id:`. A frame without one takes its `event_id` instead, as long as
    nothing shows that the two differ (the API does not say that they are the same). Once they
    were seen to differ, frames without `id:` leave the position where it is: they are sent again
    after a resume, which repeats an event but loses none. So does an id that no header carries.
    """

    cursor: str | None
    ids_differ: bool = False
    _last_id: str = ""

    def advance(self, last_event_id: str, event_id: str | None) -> None:
        """Note a frame: the id in force after it, and the `event_id` in its data if it has one."""
        if last_event_id and last_event_id != self._last_id:
            self._last_id = last_event_id
            # An event's id is fit for a header, or it would not be one.
            if last_event_id == event_id or _resumable(last_event_id):
                self.cursor = last_event_id
            if event_id is not None and event_id != last_event_id:
                self.ids_differ = True
        elif event_id is not None and not self.ids_differ:
            self.cursor = event_id


def _resumable(last_event_id: str) -> bool:
    """Whether a request header brings the id back as it came."""
    return (
        last_event_id.isprintable()
        and last_event_id == last_event_id.strip(" ")
        and len(last_event_id.encode()) <= _MAX_CURSOR_BYTES
    )
