"""Documents in Firestore, with compare-and-set by update time."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from google.api_core import exceptions as google_errors
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    RunQueryRequest,
    RunQueryResponse,
)

from videovector_bridge.backends.document_limits import COUNT_FIELD, END_FIELD, check_document
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.firestore_values import (
    decode_fields,
    encode_fields,
    time_value,
)
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.names import safe_name
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Document, Timeout
from videovector_bridge.errors import ConflictError, UnstorableError

_EMULATOR = "FIRESTORE_EMULATOR_HOST"
# Firestore does not change the update time when a write changes nothing: such a write would
# neither renew a lease nor conflict with a concurrent write. The count makes every write a change.
_COUNT = COUNT_FIELD
# Firestore removes a document some time after this; the TTL policy of the database names it.
_END = END_FIELD
_PLAIN_FIELD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@dataclass(frozen=True, slots=True)
class _Revision:
    """The version of a document: the raw protobuf time of its last write, and their number."""

    update_time: Any
    count: int


class FirestoreDocuments:
    """The ports `Documents` and `Collections` on a Firestore database.

    A document is `{collection}/{safe_name(id)}` with its fields under their own names, and
    `_writes`. A write keeps the fields that it does not name.
    """

    def __init__(self, project: str, retry: Retry, database: str = "(default)") -> None:
        self._database = f"projects/{project}/databases/{database}"
        self._retry = retry
        self._client = PerProcess(_open_client)

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Return a document, or None if it does not exist.

        `age_seconds` is Firestore's read time minus its update time. Raises `BackendError` after
        `timeout` seconds, or at once where a retry cannot help.
        """
        name = self._name(collection, document_id)
        client = self._client.get()
        request = BatchGetDocumentsRequest(database=self._database, documents=[name])

        def attempt(seconds: float) -> Any:
            responses = client.batch_get_documents(
                request, timeout=seconds, retry=None, metadata=_metadata()
            )
            # One document is requested, so there is one response, found or missing.
            return BatchGetDocumentsResponse.pb(next(iter(responses)))

        response = self._retry.call(f"Reading {name}", attempt, timeout, _explain)
        if response.WhichOneof("result") == "missing":
            return None
        return _decode(response.found, response.read_time)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write `fields` in place of `replaces` (None: the document must not exist yet).

        With `keep_seconds` the document has its expiry in the field `expire_at`, for Firestore's
        TTL. Raises `ConflictError` if another version is stored; `BackendError` after `timeout`
        seconds, or at once where a retry cannot help; `UnstorableError` for a document that
        Firestore refuses; `TypeError` for values outside JSON.
        """
        stored = {**(replaces.fields if replaces else {}), **fields}
        check_document(collection, document_id, stored)
        name = self._name(collection, document_id)
        count = _revision(replaces).count + 1 if replaces else 1
        request = self._commit(name, fields, replaces, count, keep_seconds)
        client = self._client.get()

        def attempt(seconds: float) -> Any:
            try:
                response = client.commit(request, timeout=seconds, retry=None, metadata=_metadata())
            except _CONFLICTS as error:
                if _is_conflict(error, replaces):
                    raise ConflictError(f"{name} was written by another process first") from error
                raise
            except google_errors.InvalidArgument as error:
                raise UnstorableError(
                    f"{name} was not written. Firestore refuses it, and a retry cannot help: "
                    f"{error.message}",
                    owner="user",
                    code="document_invalid",
                ) from error
            return CommitResponse.pb(response)

        response = self._retry.call(f"Writing {name}", attempt, timeout, _explain)
        return Document(stored, _Revision(response.write_results[0].update_time, count), 0.0)

    def list(
        self, collection: str, *, limit: int, after: str = "", timeout: Timeout
    ) -> Sequence[tuple[str, Document]]:
        """Return at most `limit` documents with their stored names, after the name `after`.

        Raises `BackendError` as `read` does.
        """
        parent = f"{self._database}/documents"
        query: dict[str, Any] = {
            "from_": [{"collection_id": safe_name(collection)}],
            "order_by": [{"field": {"field_path": "__name__"}}],
            "limit": limit,
        }
        if after:
            start = {"reference_value": f"{parent}/{safe_name(collection)}/{after}"}
            query["start_at"] = {"values": [start], "before": False}
        request = RunQueryRequest(parent=parent, structured_query=query)
        client = self._client.get()

        def attempt(seconds: float) -> list[Any]:
            responses = client.run_query(request, timeout=seconds, retry=None, metadata=_metadata())
            return [RunQueryResponse.pb(response) for response in responses]

        rows = self._retry.call(f"Listing {collection}", attempt, timeout, _explain)
        # A response without a document only has the time of the read.
        return [
            (row.document.name.rpartition("/")[2], _decode(row.document, row.read_time))
            for row in rows
            if row.HasField("document")
        ]

    def delete(
        self, collection: str, document_id: str, *, replaces: Document, timeout: Timeout
    ) -> None:
        """Delete exactly the version `replaces`. Raises `ConflictError` if another is stored."""
        name = self._name(collection, document_id)
        precondition = {"update_time": _revision(replaces).update_time}
        write = {"delete": name, "current_document": precondition}
        request = CommitRequest.wrap(CommitRequest.pb()(database=self._database, writes=[write]))
        client = self._client.get()

        def attempt(seconds: float) -> bool:
            try:
                client.commit(request, timeout=seconds, retry=None, metadata=_metadata())
            except _CONFLICTS as error:
                if _is_conflict(error, replaces):
                    return False
                raise
            return True

        deleted = self._retry.call(f"Deleting {name}", attempt, timeout, _explain)
        if not deleted and self.read(collection, document_id, timeout=timeout) is not None:
            raise ConflictError(f"{name} was written by another process first")

    def _name(self, collection: str, document_id: str) -> str:
        return f"{self._database}/documents/{safe_name(collection)}/{safe_name(document_id)}"

    def _commit(
        self,
        name: str,
        fields: Mapping[str, Any],
        replaces: Document | None,
        count: int,
        keep_seconds: float | None,
    ) -> CommitRequest:
        encoded = encode_fields({**fields, _COUNT: count})
        if keep_seconds is not None:
            encoded[_END] = time_value(time.time() + keep_seconds)
        update = {"name": name, "fields": encoded}
        write: dict[str, Any] = {"update": update}
        if replaces is None:
            write["current_document"] = {"exists": False}
        else:
            write["current_document"] = {"update_time": _revision(replaces).update_time}
            # The mask keeps the other fields, and replaces maps as a whole.
            write["update_mask"] = {"field_paths": [_field_path(key) for key in encoded]}
        request = CommitRequest.pb()(database=self._database, writes=[write])
        return cast("CommitRequest", CommitRequest.wrap(request))


_CONFLICTS = (
    google_errors.AlreadyExists,
    google_errors.FailedPrecondition,
    google_errors.NotFound,
)


def _is_conflict(error: Exception, replaces: Document | None) -> bool:
    if replaces is None:
        return isinstance(error, google_errors.AlreadyExists)
    # A missing database is NOT_FOUND too; reading the document again would not resolve that.
    missing_database = isinstance(error, google_errors.NotFound) and "database" in str(
        error.message
    ).replace("/databases/", "")
    return not missing_database


def _decode(stored: Any, read_time: Any) -> Document:
    fields = decode_fields(stored.fields)
    fields.pop(_END, None)
    revision = _Revision(stored.update_time, int(fields.pop(_COUNT, 0)))
    age = _seconds(read_time) - _seconds(stored.update_time)
    return Document(fields, revision, max(0.0, age))


def _revision(document: Document) -> _Revision:
    if not isinstance(document.revision, _Revision):
        raise TypeError("`replaces` must be a document that this backend returned")
    return document.revision


def _field_path(key: str) -> str:
    if _PLAIN_FIELD.fullmatch(key):
        return key
    return "`" + key.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _seconds(timestamp: Any) -> float:
    return float(timestamp.seconds + timestamp.nanos / 1e9)


def _open_client() -> FirestoreClient:
    return FirestoreClient(transport=open_transport(FirestoreGrpcTransport, _EMULATOR))


def _metadata() -> tuple[tuple[str, str], ...]:
    # For the emulator, this token bypasses the security rules.
    return (("authorization", "Bearer owner"),) if os.environ.get(_EMULATOR) else ()


def _explain(error: Exception) -> str | None:
    if isinstance(error, google_errors.NotFound):
        return (
            "The project has no such Firestore database: create it in native mode (`make deploy` "
            f"does), or name another in FIRESTORE_DATABASE. ({error.message})"
        )
    if isinstance(error, google_errors.PermissionDenied):
        return (
            "This service account may not use Firestore here: grant it roles/datastore.user. "
            f"({error.message})"
        )
    return None
