"""Read a subscription to its end, by pull with leases, and remember the selected letters."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.operate.letters.leases import LeasedMessages, Leases
from videovector_bridge.cli.operate.letters.letter import Kind, Letter, read_letter
from videovector_bridge.cli.operate.letters.select import (
    Selection,
    find_incomplete,
    select_letters,
)
from videovector_bridge.cli.operate.letters.spool import Spool

PAGE: Final = 20
"""Messages of one pull. A message has at most 10 MB, so this bounds the memory: 200 MB."""

_PROGRESS_SECONDS: Final = 5.0
# What is published later is left to the next command. Clocks differ.
_TOLERANCE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """The selected letters, in the order of publishing, and how many messages were read.

    `is_full`: the spool is full, and the rest was not read.
    """

    letters: tuple[Letter, ...]
    read: int
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A subscription, and how it is read. `wait` is in seconds.

    `functions` has the name of a function by its action, and by the id of its subscription.
    """

    kind: Kind
    subscriptions: LeasedMessages
    subscription: str
    functions: Mapping[str, str]
    wait: float
    notify: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def read_letters(
    source: Source,
    leases: Leases,
    selection: Selection,
    *,
    spool: Spool | None = None,
    limit: int | None = None,
) -> Reading:
    """Read until nothing new arrives for `wait` seconds, or until `limit` letters are selected.

    Messages stay leased. Those that are selected, and parts, are stored in the `spool`. Raises
    `BackendError`.
    """
    reader = _Reader(source, leases, selection, spool)
    while reader.read_page():
        if spool is not None and spool.is_full:
            break
        if limit is not None and reader.has(limit):
            break
    selected = select_letters(reader.kept, selection, reader.began_at)
    if limit is not None:
        selected = _cut(selected, limit)
    return Reading(tuple(selected), reader.count, spool is not None and spool.is_full)


class _Reader:
    """Reads pages and keeps the letters that may be selected: a part may be, by another part."""

    def __init__(
        self, source: Source, leases: Leases, selection: Selection, spool: Spool | None
    ) -> None:
        self._source = source
        self._leases = leases
        self._selection = selection
        self._spool = spool
        self.began_at = source.now()
        self.kept: list[Letter] = []
        self.count = 0
        self._new_at = self._shown_at = source.clock()

    def read_page(self) -> bool:
        """Read a page. Returns False if nothing new has arrived for long enough."""
        source = self._source
        pulled = source.subscriptions.pull(source.subscription, limit=PAGE, timeout=source.wait)
        is_late = bool(pulled)
        for each in pulled:
            # Pub/Sub may deliver a message again, also one with a lease.
            if self._leases.add(each):
                self._note(each)
                # Messages that arrive while the command reads must not keep it from its end.
                if each.published_at <= self.began_at:
                    self._new_at = source.clock()
            is_late &= each.published_at > self.began_at + _TOLERANCE
        self._show_progress()
        if not pulled or is_late:
            return False
        return source.clock() - self._new_at < source.wait

    def _note(self, pulled: PulledMessage) -> None:
        self.count += 1
        letter = read_letter(self._source.kind, pulled, self._source.functions)
        if letter.group or self._selection.matches(letter, self.began_at):
            self.kept.append(letter)
            if self._spool is not None:
                self._spool.write(pulled.message_id, pulled.message)

    def has(self, limit: int) -> bool:
        """Whether `limit` letters are selected, and all parts of them are there."""
        if len(self.kept) < limit:
            return False
        selected = select_letters(self.kept, self._selection, self.began_at)
        return len(selected) >= limit and not find_incomplete(_cut(selected, limit))

    def _show_progress(self) -> None:
        now = self._source.clock()
        if now - self._shown_at >= _PROGRESS_SECONDS:
            self._shown_at = now
            self._source.notify(
                f"Read {self.count:,} messages of {self._source.subscription}, "
                f"{len(self.kept):,} selected so far."
            )


def _cut(letters: list[Letter], limit: int) -> list[Letter]:
    """Return the first `limit` letters, and the other parts of the wholes that they belong to."""
    groups = {each.group for each in letters[:limit] if each.group}
    return letters[:limit] + [each for each in letters[limit:] if each.group in groups]
