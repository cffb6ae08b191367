"""The few errors of the bridge, and what each means for the message or window in hand."""

from collections.abc import Sequence
from typing import Literal

Owner = Literal["user", "vendor", "system"]


class BridgeError(Exception):
    """Root of every error that the bridge raises on purpose."""


class TransientError(BridgeError):
    """Trying again later may succeed: answer 5xx, so that Pub/Sub redelivers."""


class PermanentError(BridgeError):
    """Trying again cannot help: publish to `rejected` with the reason, and acknowledge.

    `owner` says who can correct it: the `user` (settings, automations), the `vendor` (what the
    API sent or refused) or the `system` (the bridge itself). `code` is a stable snake_case word.
    """

    def __init__(self, message: str, *, owner: Owner, code: str) -> None:
        super().__init__(message)
        self.owner = owner
        self.code = code


class UnstorableError(PermanentError):
    """Pub/Sub, Firestore or Cloud Storage can never take this message, document or file name.

    `code` is `message_too_large`, `message_invalid`, `document_too_large`, `document_too_deep`,
    `document_invalid` or `file_name_invalid`. Not a `BackendError`, which is transient: what an
    error that is both means would depend on the order of `except` clauses.
    """


class SettingsError(BridgeError):
    """One or more settings are wrong. `problems` names every one of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class BackendError(TransientError):
    """Pub/Sub, Firestore or Cloud Storage (or their embedded stand-ins) failed or timed out."""


class OutOfTimeError(BackendError):
    """The caller's time was over before a request, or while the answer to the only one was due.

    Nothing else went wrong: with more time the call may well have succeeded.
    """


class ConflictError(BridgeError):
    """A compare-and-set lost: another writer wrote the document first."""
