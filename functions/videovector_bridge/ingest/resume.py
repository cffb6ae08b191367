"""Where a window resumes its stream, and what becomes of a cursor that means nothing any more."""

from datetime import UTC, datetime
from urllib.parse import quote

from videovector_bridge.api.stream import CursorRefused
from videovector_bridge.errors import BackendError
from videovector_bridge.events import MAX_ID_BYTES, bridge_event
from videovector_bridge.ingest.committer import Committer
from videovector_bridge.ingest.lanes import Publisher
from videovector_bridge.ingest.outcome import Stop
from videovector_bridge.ingest.pager import Pager
from videovector_bridge.ingest.position import Position
from videovector_bridge.ingest.state import Lease
from videovector_bridge.settings import StreamSettings


class Resume:
    """The position of one window, from the cursor that it found.

    A cursor that was made under other filters, or that the API refuses, ends the window or is
    given up, as the stream's policy says.
    """

    def __init__(
        self,
        stream: StreamSettings,
        lease: Lease,
        publisher: Publisher,
        pager: Pager,
        committer: Committer,
        *,
        earliest_event_id: str,
    ) -> None:
        self._stream = stream
        self._lease = lease
        self._publisher = publisher
        self._pager = pager
        self._committer = committer
        self._earliest_event_id = earliest_event_id
        fields = lease.fields
        self.position = Position(fields.get("cursor"), bool(fields.get("ids_differ")))
        # Asked for while there is no cursor.
        self._start_from: str | None = fields.get("start_from")

    def last_event_id(self) -> str | None:
        """What to ask the API for now."""
        return self.position.cursor or self._start_from

    async def check_filters(self) -> Stop | None:
        """Refuse a cursor that was made under other filters, or start over as the policy says."""
        made_with = self._lease.fields.get("filters")
        wanted = self._stream.filters.identity()
        if made_with == wanted:
            return None
        if self.position.cursor is not None:
            if self._stream.window.cursor_policy == "fail":
                return Stop(
                    "filters_changed",
                    message=f"Stream {self._stream.name!r} has other filters than its cursor was "
                    f"made with (then {made_with}, now {wanted}), so the cursor means nothing. "
                    f"Give the stream a new name, or set its cursor_policy to latest or earliest "
                    f"to start over.",
                )
            stop = await self._start_over("filters_changed")
            if stop is not None:
                return stop
        return await self._committer.commit({"filters": wanted})

    async def cursor_refused(self, error: CursorRefused) -> Stop | None:
        """Why to stop after a refused cursor; None to connect again."""
        refused = self.position.cursor
        if refused is None:
            # It was the id to start from that is not known: without one, the API decides.
            self._start_from = None
            return None
        if self._stream.window.cursor_policy == "fail":
            return Stop(
                "cursor_refused",
                message=f"VideoVector refuses the cursor {refused!r} of stream "
                f"{self._stream.name!r}: {error} Events after it may be gone. To go on, set "
                f"CURSOR_POLICY (or the stream's cursor_policy) to earliest or latest; the gap "
                f"is then published as a bridge.stream.gap event.",
            )
        await self._pager.flush()
        if self._publisher.failure is not None:
            return Stop("publish_failed", self._publisher.failure)
        return await self._start_over("cursor_refused")

    async def _start_over(self, why: str) -> Stop | None:
        """Publish `bridge.stream.gap`, and only then leave the old cursor behind."""
        lost = self.position.cursor
        policy = self._stream.window.cursor_policy
        gap = bridge_event(
            "bridge.stream.gap",
            f"bridge.stream.gap:{self._stream.name}:{quote(lost or '')}"[:MAX_ID_BYTES],
            datetime.now(UTC),
            {"stream": self._stream.name, "cursor": lost, "policy": policy, "reason": why},
        )
        try:
            await self._publisher.announce(gap)
        except BackendError as error:
            return Stop("publish_failed", error)
        self.position = Position(None)
        self._start_from = self._earliest_event_id if policy == "earliest" else None
        return await self._committer.commit(
            {"cursor": None, "start_from": self._start_from, "ids_differ": False}
        )
