"""docs/consuming.md: its examples do what the page says."""

import re
import sqlite3
import types
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import functions_framework
import orjson
import pytest
import sqlglot
from google.cloud.pubsub_v1 import SubscriberClient

from tests.support import ROOT
from tests.support.event_messages import event, message_of
from tests.support.pages import find_code
from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.backends.ports import Message

PAGE = ROOT / "docs" / "consuming.md"
PULL_SUBSCRIBER, PUSH_FUNCTION = find_code(PAGE, "python")
TERRAFORM = (ROOT / "infra" / "modules" / "bridge" / "copies.tf").read_text(encoding="utf-8")
PUSH_METADATA = {
    "x-goog-pubsub-message-id": "1234567890",
    "x-goog-pubsub-publish-time": "2026-01-01T00:00:00.000Z",
    "x-goog-pubsub-subscription-name": "projects/p/subscriptions/s",
}
DUCKDB_TYPES = {"STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ", "JSON": "JSON"}
MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


def failed(name: str, second: int = 0, run: str = "run_1") -> dict[str, Any]:
    """An event about a failed run."""
    return event(name, second, event_type="processing.run_failed", run_id=run)


# A pull subscriber


@pytest.fixture
def subscriber() -> types.ModuleType:
    """The module of the page."""
    module = types.ModuleType("subscriber")
    exec(PULL_SUBSCRIBER, module.__dict__)  # noqa: S102 - our own page
    return module


def stored_ids(database: Path) -> list[str]:
    """The ids of the stored events, in the order in which they were stored."""
    with closing(sqlite3.connect(database)) as connection:
        return [id_ for (id_,) in connection.execute("SELECT id FROM events ORDER BY number")]


class Delivery:
    """A message as the client passes it to a callback."""

    def __init__(self, message: Message) -> None:
        self.attributes = message.attributes
        self.data = message.data
        self.acks = 0

    def ack(self) -> None:
        """Count the acks."""
        self.acks += 1


def test_a_repeat_is_acknowledged_and_not_stored_again(
    subscriber: types.ModuleType, tmp_path: Path
) -> None:
    """The same id of another source is another event."""
    database = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(subscriber.TABLE)
    first = message_of(failed("evt_1"))
    other = Message(first.data, {**first.attributes, "ce-source": "//another/webhooks/1"})
    deliveries = [Delivery(message) for message in (first, first, other)]

    for delivery in deliveries:
        subscriber.handle(delivery, str(database))

    assert [delivery.acks for delivery in deliveries] == [1, 1, 1]
    assert stored_ids(database) == ["evt_1", "evt_1"]


def test_nothing_is_acknowledged_before_it_is_stored(
    subscriber: types.ModuleType, tmp_path: Path
) -> None:
    """Without its table, storing fails; the message stays for a redelivery."""
    delivery = Delivery(message_of(failed("evt_1")))

    with pytest.raises(sqlite3.OperationalError):
        subscriber.handle(delivery, str(tmp_path / "empty.sqlite"))
    assert delivery.acks == 0


@pytest.fixture
def subscription(gcp_settings: BackendSettings) -> Iterator[tuple[SubscriberClient, str]]:
    """A client, and an ordered subscription to topic `events` on the emulator."""
    project = gcp_settings.project
    path = f"projects/{project}/subscriptions/events-{uuid.uuid4().hex}"
    with SubscriberClient() as client:
        client.create_subscription(
            request={
                "name": path,
                "topic": f"projects/{project}/topics/events",
                "enable_message_ordering": True,
            }
        )
        yield client, path


@pytest.mark.emulator
def test_events_of_a_lane_are_stored_once_and_in_order(
    subscriber: types.ModuleType,
    subscription: tuple[SubscriberClient, str],
    gcp_settings: BackendSettings,
    tmp_path: Path,
) -> None:
    """A lane with repeats: each event is stored when it arrives first."""
    client, path = subscription
    database = tmp_path / "events.sqlite"
    names = [f"evt_{number:02}" for number in range(20)]
    plain = [message_of(failed(name, second)) for second, name in enumerate(names)]
    lane = [Message(message.data, message.attributes, "lane-03") for message in plain]
    end = Message(b"{}", {**lane[0].attributes, "ce-id": "end"}, "lane-03")
    topics = open_backend(gcp_settings).topics
    for batch in (lane[:10], lane[5:], [end]):
        topics.publish("events", batch, timeout=60)

    future = subscriber.subscribe(client, path, str(database))
    try:
        wait_until_stored(database, "end", future)
    finally:
        future.cancel()
        future.result(timeout=PATIENCE_SECONDS)

    assert stored_ids(database) == [*names, "end"]


def wait_until_stored(database: Path, name: str, future: Any) -> None:
    """Return when an event is stored. Raises what ended the subscriber, or `TimeoutError`."""
    ends = datetime.now(UTC) + timedelta(seconds=PATIENCE_SECONDS)
    while name not in stored_ids(database):
        if datetime.now(UTC) > ends:
            raise TimeoutError(f"{name} is not stored")
        try:
            future.result(timeout=0.05)
        except TimeoutError:
            continue


# A push function


def test_a_push_function_receives_the_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message, unwrapped as Pub/Sub does it, is a CloudEvent with its ids and data."""
    source = tmp_path / "main.py"
    source.write_text(PUSH_FUNCTION, encoding="utf-8")
    host = functions_framework.create_app("on_event", str(source)).test_client()  # type: ignore[no-untyped-call]
    completed = event("evt_2", event_type="processing.run_completed")
    for message in map(message_of, (failed("evt_1"), completed)):
        headers = {**PUSH_METADATA, **message.attributes}
        assert host.post("/", data=message.data, headers=headers).status_code == 200

    printed = capsys.readouterr().out.splitlines()
    assert printed == ["2026-01-01T00:00:00.000Z: run run_1 failed: {}"]


# BigQuery


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """The table that Terraform creates, in DuckDB."""
    columns = re.findall(r'\{ name = "(\w+)", type = "(\w+)"', TERRAFORM)
    assert len(columns) == 5
    fields = ", ".join(f"{name} {DUCKDB_TYPES[type_]}" for name, type_ in columns)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA videovector")
        connection.execute(f"CREATE TABLE videovector.events ({fields})")
        yield connection


def insert(
    connection: duckdb.DuckDBPyConnection, fields: dict[str, Any], published_at: datetime
) -> None:
    """Add the row that Pub/Sub writes for the message of an event."""
    message = message_of(fields)
    connection.execute(
        "INSERT INTO videovector.events (publish_time, attributes, data) VALUES (?, ?, ?)",
        [published_at, orjson.dumps(message.attributes).decode(), message.data.decode()],
    )


def run(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """Run a query of the page; its dialect is BigQuery's, and DuckDB has no projects."""
    (statement,) = sqlglot.transpile(query, read="bigquery", write="duckdb")
    rows: list[Any] = connection.execute(statement.replace('"my-project".', "")).fetchall()
    return rows


def test_the_queries_return_what_the_page_says(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Over a table with repeats, two runs and another type of event."""
    view, failed_runs, history, delay = find_code(PAGE, "sql")
    insert(warehouse, failed("evt_1", 1), MIDNIGHT - timedelta(hours=1))
    insert(warehouse, failed("evt_1", 1), MIDNIGHT + timedelta(hours=1))
    insert(warehouse, failed("evt_2", 2, run="run_2"), MIDNIGHT)
    started = event("evt_0", 0, event_type="processing.run_started", payload={"n": 7})
    insert(warehouse, started, MIDNIGHT)

    run(warehouse, view)

    first, second = date(2026, 1, 1), date(2026, 1, 2)
    assert run(warehouse, failed_runs) == [(first, 2)]
    assert [(type_, orjson.loads(payload)) for _, type_, payload in run(warehouse, history)] == [
        ("com.vectormethods.processing.run_started", {"n": 7}),
        ("com.vectormethods.processing.run_failed", {}),
    ]
    assert run(warehouse, delay) == [(first, 23 * 3600 - 1), (second, 24 * 3600)]
