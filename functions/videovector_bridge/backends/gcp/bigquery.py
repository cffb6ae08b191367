"""Read messages from the table that Pub/Sub writes in BigQuery, through the REST API.

Table: infra/modules/bridge/copies.tf. API: https://cloud.google.com/bigquery/docs/reference/rest,
`jobs.query` and `jobs.getQueryResults`. Not seen on real Google Cloud: the tests' server responds
as these pages say.
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import google.auth
import orjson
import requests
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.auth.transport.requests import AuthorizedSession

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.reading_ports import Pages, PublishedMessage, restore_copy
from videovector_bridge.errors import BackendError

EMULATOR: Final = "BIGQUERY_EMULATOR_HOST"
"""The variable of Google's client for the address of another server, without credentials."""

PAGE_ROWS: Final = 500
"""Rows of a page. BigQuery also ends a page at about 10 MB, which bounds the memory."""

QUERY: Final = """\
SELECT message_id, UNIX_MICROS(publish_time) AS published_at,
  TO_JSON_STRING(attributes) AS attributes, data
FROM `{table}`
WHERE publish_time >= @since AND publish_time < @until
ORDER BY publish_time, message_id"""

_HOST: Final = "https://bigquery.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/bigquery"
_TABLE: Final = re.compile(r"[a-z0-9.:-]{1,60}\.\w{1,1024}\.[\w-]{1,1024}", re.ASCII)
_REQUEST_SECONDS: Final = 60.0
_WAIT_MILLISECONDS: Final = 10_000
_MOST_SECONDS: Final = 600.0
_ROLES: Final = "roles/bigquery.jobUser in the project and roles/bigquery.dataViewer on the table"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BigQueryMessages:
    """The `PublishedMessages` port on a table, `PROJECT.DATASET.TABLE`.

    Queries run, and are paid, in `project`. One page is in memory at a time.
    """

    def __init__(self, project: str, table: str, retry: Retry | None = None) -> None:
        if not _TABLE.fullmatch(table):  # it becomes a part of the query
            raise BackendError(f"{table!r} is not the name of a table, PROJECT.DATASET.TABLE.")
        self._project = project
        self._table = table
        self._retry = retry or Retry(attempt_seconds=_REQUEST_SECONDS)
        self._session: Any = None

    def read(self, since: datetime, until: datetime) -> Pages:
        """Yield the rows of the interval, in the order of publishing. Raises `BackendError`."""
        response = self._request("POST", "queries", json=_build_query(self._table, since, until))
        job = response["jobReference"]
        path = f"queries/{job['jobId']}"
        fixed = {"maxResults": PAGE_ROWS, "location": job.get("location", "")}
        end = self._retry.clock() + _MOST_SECONDS
        while True:
            if not response.get("jobComplete"):
                if self._retry.clock() > end:
                    raise BackendError(
                        f"The query of {self._table} did not end within {_MOST_SECONDS:g} s."
                    )
                query = {**fixed, "timeoutMs": _WAIT_MILLISECONDS}
                response = self._request("GET", path, params=query)
                continue
            if rows := response.get("rows"):
                yield [_parse_row(row) for row in rows]
            if not (token := response.get("pageToken")):
                return
            response = self._request("GET", path, params={**fixed, "pageToken": token})

    def _request(self, method: str, path: str, **options: Any) -> Any:
        host = os.environ.get(EMULATOR) or _HOST
        url = f"{host}/bigquery/v2/projects/{self._project}/{path}"

        def attempt(seconds: float) -> Any:
            # Waits up to `seconds` to connect, and again for the response.
            response = self._open().request(method, url, timeout=seconds / 2, **options)
            if response.status_code != requests.codes.ok:
                raise google_errors.from_http_response(response)  # type: ignore[no-untyped-call]
            return orjson.loads(response.content)

        operation = f"Querying {self._table} in BigQuery"
        try:
            return self._retry.call(operation, attempt, 2 * _REQUEST_SECONDS, self._explain)
        except orjson.JSONDecodeError as error:
            raise BackendError(f"{operation} failed: the response is not JSON. {error}") from None

    def _open(self) -> Any:
        if self._session is None:
            if os.environ.get(EMULATOR):
                self._session = requests.Session()
            else:
                self._session = _open_session()
        return self._session

    def _explain(self, error: Exception) -> str | None:
        if isinstance(error, google_errors.Forbidden):
            return f"You need {_ROLES}. ({error.message})"
        if isinstance(error, google_errors.NotFound):
            return f"There is no table {self._table}, or you may not see it. ({error.message})"
        return None


def _open_session() -> Any:
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except auth_errors.GoogleAuthError as error:
        raise BackendError(f"There are no Google Cloud credentials here. ({error})") from error
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


def _build_query(table: str, since: datetime, until: datetime) -> Mapping[str, Any]:
    times = {"since": since, "until": until}
    return {
        "query": QUERY.format(table=table),
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": [
            {
                "name": name,
                "parameterType": {"type": "TIMESTAMP"},
                "parameterValue": {"value": time.astimezone(UTC).isoformat()},
            }
            for name, time in times.items()
        ],
        "maxResults": PAGE_ROWS,
        "timeoutMs": _WAIT_MILLISECONDS,
    }


def _parse_row(row: Mapping[str, Any]) -> PublishedMessage:
    """Parse a row, `{"f": [{"v": text}, ...]}` in the order of the columns."""
    message_id, micros, attributes, data = (field["v"] for field in row["f"])
    published_at = _EPOCH + timedelta(microseconds=int(micros))
    fields = orjson.loads(attributes or "{}")
    return restore_copy(message_id or "", published_at, (data or "").encode(), fields)
