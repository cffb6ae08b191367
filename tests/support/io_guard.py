"""An audit hook that refuses I/O while a unit test runs."""

import contextlib
import threading
from collections.abc import Iterator

# Python raises these audit events before it opens a connection, a port, a process or a database:
# https://docs.python.org/3/library/audit_events.html
REFUSED = frozenset({"socket.bind", "socket.connect", "sqlite3.connect", "subprocess.Popen"})


class IORefusedError(RuntimeError):
    """The running test must not do I/O."""


class IOGuard:
    """An audit hook. Python cannot remove one, so this refuses only inside `refuse`.

    Threads that ran before belong to fixtures of other tests; they are not refused.
    """

    def __init__(self) -> None:
        self._active = False
        self._older_threads: frozenset[int | None] = frozenset()
        self._attempts: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Refuse the call that raised this audit event; `IORefusedError` ends it."""
        if not self._active or event not in REFUSED:
            return
        if threading.get_ident() not in self._older_threads:
            self._attempts.append(f"{event}{arguments!r}")
            raise IORefusedError(self._attempts[-1])

    @contextlib.contextmanager
    def refuse(self) -> Iterator[list[str]]:
        """Refuse I/O in this thread and in new ones; yields the list of attempts as it grows."""
        alive = {thread.ident for thread in threading.enumerate()}
        self._older_threads = frozenset(alive - {threading.get_ident()})
        self._attempts = []
        self._active = True
        try:
            yield self._attempts
        finally:
            self._active = False
