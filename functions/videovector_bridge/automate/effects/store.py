"""A record in the document store, changed by compare-and-set."""

import random
from collections.abc import Callable
from typing import Final

from videovector_bridge.automate.effects.record import Record
from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import BackendError, ConflictError

COLLECTION: Final = "effects"
_TRIES: Final = 20
STORE_SECONDS: Final = 10.0

Step = Callable[[Record | None], Record | None]
"""Returns the record to store. The parameter is None if no record exists; so is the result if
none is needed."""


class StoredRecord:
    """The record of `target`, which is needed for `keep_seconds`, or without limit if None.

    Keeps the document that it read or wrote last, so that an attempt reads it once.
    """

    def __init__(
        self,
        documents: Documents,
        target: str,
        *,
        keep_seconds: float | None,
        timeout: float,
        sleep: Callable[[float], None],
    ) -> None:
        self._documents = documents
        self._target = target
        self._keep_seconds = keep_seconds
        self._timeout = timeout
        self._sleep = sleep
        self._document: Document | None = None
        # The target of a single event usually has no record before its first write: save the read.
        self._assume_missing = keep_seconds is not None

    def change(self, step: Step) -> Record | None:
        """Repeat `step` until its result is stored. Returns the result.

        Raises `BackendError`, and every error of the step.
        """
        for number in range(_TRIES):
            document = self._read()
            record = None if document is None else Record.from_fields(document.fields)
            changed = step(record)
            if changed is None or (changed == record and document is not None):
                return changed
            self._document = None
            try:
                self._document = self._documents.write(
                    COLLECTION,
                    self._target,
                    changed.to_fields(),
                    replaces=document,
                    timeout=self._timeout,
                    keep_seconds=self._keep_seconds,
                )
            except ConflictError:
                self._sleep(random.uniform(0, 0.05) * min(number, 10))  # noqa: S311  # jitter
            else:
                return changed
        raise BackendError(
            f"{COLLECTION}/{self._target} changed {_TRIES} times before it could be written."
        )

    def _read(self) -> Document | None:
        if self._document is None and not self._assume_missing:
            self._document = self._documents.read(COLLECTION, self._target, timeout=self._timeout)
        self._assume_missing = False
        return self._document
