"""Calls that stop at each request to a store, so that a test controls their interleaving.

A call runs in its own thread, and only while the test waits for it: the same decisions give
the same run. The test performs the request, or lets it fail, and responds.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from videovector_bridge.backends.ports import Document, Timeout, seconds_left
from videovector_bridge.errors import OutOfTimeError


class _Killed(BaseException):
    """The process that made the call ended."""


@dataclass(frozen=True)
class Request:
    """A request to the store. `fields` is None where it reads."""

    fields: Mapping[str, Any] | None = None
    replaces: Document | None = None


class Call:
    """A running call: it waits for the response to `request`, or it has ended."""

    def __init__(self, action: Callable[[], Any], store: "StepwiseDocuments") -> None:
        self._action = action
        self._store = store
        self._responded = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._response: Document | BaseException | None = None
        self.request: Request | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        store.call = self
        threading.Thread(target=self._run, daemon=True).start()
        self._stopped.acquire()

    def respond(self, response: Document | BaseException | None) -> None:
        """Respond to the request, and wait until the call makes another or has ended."""
        assert self.request is not None
        self.request, self._response = None, response
        self._responded.release()
        self._stopped.acquire()

    def kill(self) -> None:
        """End the call where it waits."""
        while self.request is not None:
            self.respond(_Killed())

    def ask(self, request: Request) -> Document | None:
        """Wait for the response to a request; in the thread of the call."""
        self.request = request
        self._stopped.release()
        self._responded.acquire()
        if isinstance(self._response, BaseException):
            raise self._response
        return self._response

    def _run(self) -> None:
        try:
            self.result = self._action()
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            self.error = error
        self._stopped.release()


class StepwiseDocuments:
    """The `Documents` port of one process, for one document: each request waits for the test."""

    call: Call

    def read(self, _collection: str, _document_id: str, *, timeout: Timeout) -> Document | None:
        """Ask for the document."""
        return self._ask(Request(), timeout)

    def write(
        self,
        _collection: str,
        _document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,  # noqa: ARG002 - as the port has it
    ) -> Document:
        """Ask for the write."""
        written = self._ask(Request(dict(fields), replaces), timeout)
        assert written is not None
        return written

    def _ask(self, request: Request, timeout: Timeout) -> Document | None:
        if seconds_left(timeout) <= 0:
            raise OutOfTimeError("no time was left")
        return self.call.ask(request)
