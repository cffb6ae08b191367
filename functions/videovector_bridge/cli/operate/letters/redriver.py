"""Publish the copies of a plan at a bounded rate; acknowledge a letter after its copy is published.

At any moment, a letter is in its subscription, or its copy is on the topic, or both.
"""

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Blobs, Message, Topics
from videovector_bridge.backends.publish_limits import check_request, split_requests, wire_size
from videovector_bridge.cli.operate.letters.leases import Leases
from videovector_bridge.cli.operate.letters.letter import Kind, Letter
from videovector_bridge.cli.operate.letters.plan import Copy, Left, Plan
from videovector_bridge.cli.operate.letters.spool import Spool
from videovector_bridge.errors import BackendError, UnstorableError
from videovector_bridge.events import MAX_DATA_BYTES
from videovector_bridge.restore import (
    as_claim_check,
    restore_dead_letter,
    restore_frame,
    restore_rejected,
)

_REQUEST_SECONDS: Final = 20.0
_PROGRESS_SECONDS: Final = 5.0
_SLEEP_SECONDS: Final = 0.2
INTERRUPTED: Final = "Interrupted."


@dataclass(slots=True)
class Result:
    """The numbers of letters and of events; `error` says why it ended early.

    A dry run counts what would be published and acknowledged.
    """

    selected: int
    published: int = 0
    acknowledged: int = 0
    left: list[Left] = field(default_factory=list)
    error: str = ""

    @property
    def left_by_reason(self) -> dict[str, int]:
        """The number of letters that stay, by reason."""
        counts = Counter[str]()
        for each in self.left:
            counts[each.reason] += len(each.letters)
        return dict(counts)

    def as_json(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "selected": self.selected,
            "published": self.published,
            "acknowledged": self.acknowledged,
            "left": sum(self.left_by_reason.values()),
            "left_by_reason": self.left_by_reason,
            "error": self.error,
        }


class _Unrestorable(Exception):
    """A copy cannot be made. `reason` is a key of `plan.REASONS`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriver:
    """Publishes copies to `topic`. With `dry_run`, nothing is published, stored or acknowledged.

    `rate` is in messages a second. With `to`, only the function of this action acts, and `passes`
    says whether the filter of its subscription lets a message with these attributes through. It
    ends between two requests when `stopped` returns True.
    """

    kind: Kind
    topics: Topics
    blobs: Blobs | None
    topic: str
    leases: Leases
    spool: Spool
    rate: int
    lanes: int
    notify: Callable[[str], None]
    to: str = ""
    passes: Callable[[Mapping[str, str]], bool] = lambda _attributes: True
    dry_run: bool = False
    stopped: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self, plan: Plan) -> Result:
        """Publish every copy, in order. After a failure, the rest is left.

        Failures of Pub/Sub and an interrupt are in the result.
        """
        letters = [each for copy in plan.copies for each in copy.covers]
        left_before = sum(len(each.letters) for each in plan.left)
        result = Result(len(letters) + left_before, left=list(plan.left))
        handled = set[str]()
        try:
            for chunk in self._pace(plan.copies):
                if self.stopped():
                    result.error = INTERRUPTED
                    break
                self._publish_chunk(chunk, result, handled)
        except BackendError as error:
            result.error = str(error)
        except KeyboardInterrupt:
            result.error = INTERRUPTED
        if rest := tuple(each for each in letters if each.message_id not in handled):
            result.left.append(Left(rest, "not_published"))
        return result

    def _pace(self, copies: Sequence[Copy]) -> Iterator[Sequence[Copy]]:
        """Yield the copies of a second at a time, within the bytes of one request."""
        next_at = shown_at = self.clock()
        done = 0
        most = min(self.rate, MAX_REQUEST_MESSAGES)
        for chunk in split_requests(copies, lambda copy: copy.size, most, max_bytes=MAX_DATA_BYTES):
            if not self.dry_run:
                self._wait_until(next_at)
            now = self.clock()
            if now - shown_at >= _PROGRESS_SECONDS:
                shown_at = now
                self.notify(f"Published {done:,} of {len(copies):,} events.")
            yield chunk
            done += len(chunk)
            next_at = max(next_at, now) + len(chunk) / self.rate

    def _wait_until(self, moment: float) -> None:
        while (wait := moment - self.clock()) > 0 and not self.stopped():
            self.sleep(min(wait, _SLEEP_SECONDS))

    def _publish_chunk(self, chunk: Sequence[Copy], result: Result, handled: set[str]) -> None:
        lanes: dict[str, list[tuple[Copy, Message]]] = {}
        for copy in chunk:
            try:
                message = self._restore(copy)
            except _Unrestorable as error:
                result.left.append(Left(copy.covers, error.reason, error.detail))
                handled |= {each.message_id for each in copy.covers}
            else:
                lanes.setdefault(message.ordering_key, []).append((copy, message))
        published: list[Letter] = []
        try:
            for lane in lanes.values():
                for request in split_requests(
                    lane,
                    lambda pair: wire_size(pair[1]),
                    MAX_REQUEST_MESSAGES,
                    max_bytes=MAX_DATA_BYTES,
                ):
                    self._publish([message for _, message in request])
                    result.published += len(request)
                    published += [each for copy, _ in request for each in copy.covers]
        finally:
            handled |= {each.message_id for each in published}
            self._acknowledge(published, result)

    def _publish(self, messages: Sequence[Message]) -> None:
        if not self.dry_run:
            self.topics.publish(self.topic, messages, timeout=_REQUEST_SECONDS)

    def _acknowledge(self, letters: Sequence[Letter], result: Result) -> None:
        if self.dry_run:
            result.acknowledged += len(letters)
            return
        try:
            self.leases.acknowledge(each.message_id for each in letters)
        finally:
            unfinished = tuple(each for each in letters if each.message_id in self.leases)
            result.acknowledged += len(letters) - len(unfinished)
            if unfinished:
                result.left.append(Left(unfinished, "not_acknowledged"))

    def _restore(self, copy: Copy) -> Message:
        """Return the message to publish. Raises `_Unrestorable`, or `BackendError`."""
        ids = [each.message_id for each in copy.parts]
        if copy.is_joined:
            self._verify(copy, ids)
        is_large = copy.size > MAX_DATA_BYTES and (copy.is_joined or copy.is_frame)
        if is_large and self.blobs is None:
            raise _Unrestorable("no_claim_bucket")
        try:
            message = self._rebuild(copy, ids, is_large=is_large)
        except ValueError as error:
            raise _Unrestorable("no_event", str(error)) from None
        if not self.passes(message.attributes):
            type_ = message.attributes.get("ce-type", "")
            raise _Unrestorable("filtered", f"The subscription of {self.to} excludes {type_}.")
        if is_large:
            message = as_claim_check(message, self._store(ids), copy.size)
        try:
            check_request(self.topic, [message])
        except UnstorableError as error:
            raise _Unrestorable("unpublishable", str(error)) from None
        return message

    def _rebuild(self, copy: Copy, ids: Sequence[str], *, is_large: bool) -> Message:
        """Return the event; without its data if that is too large for a message."""
        pieces = self.spool.pieces(ids)
        stored = self.spool.head(ids[0])
        if copy.is_frame:
            data = next(pieces, b"") if is_large else b"".join(pieces)
            return restore_frame(stored.attributes, data, copy.size, lanes=self.lanes, to=self.to)
        message = stored._replace(data=b"" if is_large else b"".join(pieces))
        if self.kind == "dead-letters":
            return restore_dead_letter(message, lanes=self.lanes, to=self.to)
        if copy.is_joined:
            message = message._replace(attributes={**message.attributes, "parts": "1"})
        return restore_rejected(message, lanes=self.lanes, to=self.to)

    def _verify(self, copy: Copy, ids: Sequence[str]) -> None:
        digest = hashlib.sha256()
        for piece in self.spool.pieces(ids):
            digest.update(piece)
        if digest.hexdigest() not in {each.sha256 for each in copy.parts}:
            raise _Unrestorable("parts_differ")

    def _store(self, ids: Sequence[str]) -> str:
        """Store joined data in the bucket for claim checks; return its URI."""
        if self.dry_run:
            return "gs://not-stored"
        assert self.blobs is not None
        # A new name: an earlier attempt may have ended in the middle of its object.
        writer = self.blobs.open(f"frames/{uuid.uuid4().hex}.json", "application/json")
        for piece in self.spool.pieces(ids):
            writer.write(piece, timeout=_REQUEST_SECONDS)
        return writer.finish(timeout=_REQUEST_SECONDS)
