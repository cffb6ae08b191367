"""A server that responds as BigQuery's REST API, from a table in DuckDB.

Responses: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query. A query is not
complete in its first response, and its rows are in pages.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import sqlglot

from tests.support.archived_files import copied_attributes
from videovector_bridge.backends.reading_ports import PublishedMessage

TABLE = "my-project.videovector.events"
_CREATE = (
    "CREATE TABLE videovector.events (subscription_name VARCHAR, message_id VARCHAR,"
    " publish_time TIMESTAMPTZ, attributes JSON, data VARCHAR)"
)


class BigQuery:
    """Rows of the table, and what the server was asked. `failures` are sent first."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[tuple[int, str]] = []
        self.page_rows = 2
        self.completes = True
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        self._database.execute("CREATE SCHEMA videovector")
        self._database.execute(_CREATE)
        self._rows: list[Any] = []

    def insert(self, messages: Iterable[PublishedMessage]) -> None:
        """Add the rows that Pub/Sub writes."""
        for each in messages:
            attributes = json.dumps(copied_attributes(each.message))
            values = [each.message_id, each.published_at, attributes, each.message.data.decode()]
            self._database.execute(
                "INSERT INTO videovector.events VALUES ('s', ?, ?, ?, ?)", values
            )

    def respond(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of a response."""
        self.requests.append((path, asked))
        if self.failures:
            status, message = self.failures.pop(0)
            return status, {"error": {"code": status, "message": message}}
        job = {"projectId": "my-project", "jobId": "job_1", "location": "EU"}
        if "query" in asked:
            self._rows = self._run(asked)
            return 200, {"jobReference": job, "jobComplete": False}
        assert asked["location"] == "EU"
        assert path.endswith("/queries/job_1")
        if not self.completes:
            return 200, {"jobReference": job, "jobComplete": False}
        start = int(asked.get("pageToken", 0))
        end = start + self.page_rows
        body: dict[str, Any] = {"jobReference": job, "jobComplete": True}
        if self._rows:
            body["rows"] = self._rows[start:end]
        if end < len(self._rows):
            body["pageToken"] = str(end)
        return 200, body

    def _run(self, asked: dict[str, Any]) -> list[Any]:
        assert asked["useLegacySql"] is False
        (statement,) = sqlglot.transpile(asked["query"], read="bigquery", write="duckdb")
        statement = statement.replace('"my-project".', "")
        values = {
            each["name"]: each["parameterValue"]["value"] for each in asked["queryParameters"]
        }
        assert all(
            each["parameterType"]["type"] == "TIMESTAMP" for each in asked["queryParameters"]
        )
        for name, value in values.items():
            statement = statement.replace(f"${name}", f"TIMESTAMPTZ '{value}'")
        rows = self._database.execute(statement).fetchall()
        return [{"f": [{"v": None if v is None else str(v)} for v in row]} for row in rows]


@contextmanager
def serving(bigquery: BigQuery) -> Iterator[str]:
    """Serve on loopback; yield the address for `BIGQUERY_EMULATOR_HOST`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._respond(json.loads(body))

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            self._respond({name: values[0] for name, values in query.items()})

        def _respond(self, asked: dict[str, Any]) -> None:
            status, body = bigquery.respond(urlsplit(self.path).path, asked)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
