"""The errors of the bridge. Every room may import them."""

from collections.abc import Sequence
from typing import Literal

Owner = Literal["user", "vendor", "system"]


class BridgeError(Exception):
    """Root of every error that the bridge raises on purpose."""


class TransientError(BridgeError):
    """A later attempt may succeed: return 5xx, so that Pub/Sub redelivers."""


class PermanentError(BridgeError):
    """No later attempt can succeed: publish to `rejected` with the reason, and acknowledge.

    `owner` can correct it: the `user` (settings, automations), the `vendor` (data or refusals of
    the API) or the `system` (the bridge itself). `code` is a stable snake_case word.
    """

    def __init__(self, message: str, *, owner: Owner, code: str) -> None:
        super().__init__(message)
        self.owner = owner
        self.code = code


class UnstorableError(PermanentError):
    """Pub/Sub, Firestore or Cloud Storage never accepts this message, document or file name.

    `code` is `message_too_large`, `message_invalid`, `document_too_large`, `document_too_deep`,
    `document_invalid` or `file_name_invalid`. Not a `BackendError`, which is transient: the
    meaning of an error that is both would depend on the order of `except` clauses.
    """


class SettingsError(BridgeError):
    """One or more settings are wrong. `problems` has a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class BackendError(TransientError):
    """Pub/Sub, Firestore or Cloud Storage (or the embedded backend) failed or timed out."""


class OutOfTimeError(BackendError):
    """The deadline passed before a request, or before the response to the only request.

    Nothing else failed: with more time the call might have succeeded.
    """


class ConflictError(BridgeError):
    """A compare-and-set failed: another writer wrote the document first."""
