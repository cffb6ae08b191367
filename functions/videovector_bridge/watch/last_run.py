"""The last run of `reconcile` and of `canary`: a document each, which `status` reads.

`checks/reconcile`: at, and asked_all_at: the last run that asked about all open work.
`checks/canary`: at, and channels: the reports. Times are ISO 8601 in UTC.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from videovector_bridge.backends.ports import Documents, Timeout
from videovector_bridge.errors import ConflictError

COLLECTION: Final = "checks"


def note_run(
    documents: Documents, function: str, fields: Mapping[str, Any], *, timeout: Timeout
) -> None:
    """Store the fields of a run; others stay. Raises `BackendError`.

    Of two runs that end at once, one is stored.
    """
    stored = documents.read(COLLECTION, function, timeout=timeout)
    with suppress(ConflictError):
        documents.write(COLLECTION, function, fields, replaces=stored, timeout=timeout)
