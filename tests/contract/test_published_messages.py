"""The `PublishedMessages` port: the topic, the archive and BigQuery.

The archive is on an emulator, its files written by the tests. BigQuery is a server of the tests.
"""

import time
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud.storage import Client
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.support.archived_files import SCHEMA, FilesInMemory, write_file
from tests.support.bigquery import TABLE, BigQuery, serving
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import BackendSettings, open_backend, open_subscriptions
from videovector_bridge.backends.embedded.database import Database
from videovector_bridge.backends.gcp.bigquery import BigQueryMessages
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.objects import BucketReader
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import PublishedMessage, PublishedMessages
from videovector_bridge.cli.operate.replay.archive import ArchivedMessages
from videovector_bridge.cli.operate.replay.topic import RetainedMessages
from videovector_bridge.errors import BackendError

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAST = Retry(base=0.001, cap=0.001)


def published(name: str, at: datetime, data: bytes = b"{}") -> PublishedMessage:
    """A message of topic `events`."""
    message = Message(data, {"ce-id": name, "ce-type": "com.vectormethods.media.created"}, "lane-3")
    return PublishedMessage(f"m-{name}", message, at)


def read_all(port: PublishedMessages, since: datetime, until: datetime) -> list[PublishedMessage]:
    """Read every page."""
    return [each for page in port.read(since, until) for each in page]


def ids(messages: Sequence[PublishedMessage]) -> list[str]:
    """Return the ids of the events."""
    return [each.message.attributes["ce-id"] for each in messages]


# The topic


def wait_for_the_next_millisecond() -> None:
    """The emulator's times of publishing are in milliseconds: two messages may have the same."""
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        pass


@pytest.fixture
def topic(backend_settings: BackendSettings) -> str:
    """A topic that retains messages, as the deployed one does."""
    if backend_settings.kind == "gcp":
        path = f"projects/{backend_settings.project}/topics/retained"
        transport = open_transport(PublisherGrpcTransport, "PUBSUB_EMULATOR_HOST")
        with PublisherClient(transport=transport) as publisher:
            request = {"name": path, "message_retention_duration": timedelta(days=7)}
            publisher.create_topic(request=request)
    return "retained"


def test_the_topic_returns_what_was_published_between_two_times(
    backend_settings: BackendSettings, topic: str
) -> None:
    """Before the subscription existed too; nothing remains, and others lose nothing."""
    topics = open_backend(backend_settings).topics
    subscriptions = open_subscriptions(backend_settings)
    other = Subscriber(backend_settings, topic)
    for name in ("before", "one", "two", "after"):
        topics.publish(topic, [published(name, NOON).message], timeout=10)
        wait_for_the_next_millisecond()
    everything = datetime.now(UTC) - HOUR
    all_ = read_all(RetainedMessages(subscriptions, topic, 2.0), everything, everything + 2 * HOUR)
    times = {each.message.attributes["ce-id"]: each.published_at for each in all_}

    between = read_all(RetainedMessages(subscriptions, topic, 2.0), times["one"], times["after"])

    assert sorted(ids(between)) == ["one", "two"]
    assert {each.message.data for each in between} == {b"{}"}
    assert {each.message.ordering_key for each in between} == {"lane-3"}
    assert len(other.receive(4)) == 4


def test_a_live_subscription_has_no_message_that_the_topic_retains(
    backend_settings: BackendSettings, topic: str
) -> None:
    """The emulator would deliver them, without a seek."""
    topics = open_backend(backend_settings).topics
    topics.publish(topic, [Message(b"before")], timeout=10)
    subscriptions = open_subscriptions(backend_settings)

    name = subscriptions.create_temporary(topic, timeout=10)
    topics.publish(topic, [Message(b"after")], timeout=10)

    assert [each.message.data for each in subscriptions.pull(name, limit=5, timeout=10)] == [
        b"after"
    ]


def test_a_topic_that_is_busy_after_the_interval_ends(
    embedded_settings: BackendSettings, tmp_path: Path
) -> None:
    """Messages of other times do not count as an answer."""
    topics = open_backend(embedded_settings).topics
    topics.publish("events", [published("one", NOON).message], timeout=10)
    until = datetime.now(UTC)
    port = RetainedMessages(open_subscriptions(embedded_settings), "events", 0.5)
    pages = port.read(until - HOUR, until)
    assert ids(next(pages)) == ["one"]
    topics.publish("events", [published(f"later-{n}", NOON).message for n in range(9)], timeout=10)

    assert list(pages) == []


def test_the_subscription_is_deleted_when_reading_ends_early(
    embedded_settings: BackendSettings,
) -> None:
    """After the first page."""
    topics = open_backend(embedded_settings).topics
    topics.publish("events", [published("one", NOON).message], timeout=10)
    now = datetime.now(UTC)
    port = RetainedMessages(open_subscriptions(embedded_settings), "events", 0.5)

    pages = port.read(now - HOUR, now + HOUR)
    next(pages)
    pages.close()

    database = Database(Path(embedded_settings.embedded_dir) / "messages.sqlite3", "")
    with database.transaction("Reading", 5, write=False) as connection:
        assert connection.execute("SELECT count(*) FROM subscriptions").fetchone() == (0,)


# The archive


@pytest.fixture
def bucket(gcp_settings: BackendSettings) -> str:
    """A bucket for the archive, on the emulator."""
    name = f"{gcp_settings.project}-archive"
    Client(project=gcp_settings.project).create_bucket(name)
    return name


def upload(settings: BackendSettings, bucket: str, name: str, content: bytes) -> None:
    """Store a file."""
    Client(project=settings.project).bucket(bucket).blob(name).upload_from_string(content)


@pytest.mark.emulator
def test_the_archive_returns_the_messages_of_its_files(
    gcp_settings: BackendSettings, bucket: str
) -> None:
    """Byte for byte, whatever the bytes; objects elsewhere in the bucket are ignored."""
    now = datetime.now(UTC)
    first = [published("one", now), published("two", now, bytes(range(256)) * 9_000)]
    upload(gcp_settings, bucket, "events/2026-01-31T12:00:00+00:00_1a.avro", write_file(first))
    second = [published("three", now + timedelta(microseconds=1), b"")]
    upload(gcp_settings, bucket, "events/2026-01-31T12:05:00+00:00_2b.avro", write_file(second))
    upload(gcp_settings, bucket, "other/file.avro", write_file([published("other", now)]))
    port = ArchivedMessages(BucketReader(gcp_settings.project, bucket, FAST))

    assert read_all(port, now - HOUR, now + HOUR) == [*first, *second]


@pytest.mark.emulator
def test_files_from_before_the_interval_are_not_read(
    gcp_settings: BackendSettings, bucket: str
) -> None:
    """A file cannot have messages that were published after it was written."""
    upload(gcp_settings, bucket, "events/broken.avro", b"not Avro")
    port = ArchivedMessages(BucketReader(gcp_settings.project, bucket, FAST))
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    assert read_all(port, tomorrow, tomorrow + HOUR) == []


@pytest.mark.emulator
def test_a_bucket_that_does_not_exist_is_named(gcp_settings: BackendSettings) -> None:
    """With the role that reading needs."""
    port = ArchivedMessages(BucketReader(gcp_settings.project, "no-such-bucket", FAST))

    with pytest.raises(BackendError, match=r"no bucket no-such-bucket.*storage\.objectViewer"):
        read_all(port, NOON, NOON + HOUR)


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_a_damaged_file_is_an_error_that_names_it(cut: int) -> None:
    """It never counts as read."""
    port = ArchivedMessages(FilesInMemory([[published(f"{n}", NOON) for n in range(20)]]))
    bucket = port._bucket
    assert isinstance(bucket, FilesInMemory)
    created_at, content = bucket._files["events/0.avro"]
    bucket._files["events/0.avro"] = (created_at, content[:-cut])

    with pytest.raises(BackendError, match=r"gs://archive/events/0\.avro is no readable Avro"):
        read_all(port, NOON - HOUR, NOON + HOUR)


def test_a_file_without_metadata_is_an_error_that_says_so() -> None:
    """Written with `write_metadata = false`: there is no publish time."""
    fields = [each for each in SCHEMA["fields"] if "data" in each.values()]
    bucket = FilesInMemory([[published("one", NOON)]])
    created_at, _ = bucket._files["events/0.avro"]
    content = write_file([published("one", NOON)], {**SCHEMA, "fields": fields})
    bucket._files["events/0.avro"] = (created_at, content)

    with pytest.raises(BackendError, match="without the messages' metadata"):
        read_all(ArchivedMessages(bucket), NOON - HOUR, NOON + HOUR)


def test_a_large_file_is_returned_in_pages() -> None:
    """So that memory does not grow with the file."""
    big = zlib.decompress(zlib.compress(b"x" * 6_000_000))
    messages = [published(f"{n}", NOON, big) for n in range(5)]
    port = ArchivedMessages(FilesInMemory([messages]))

    pages = list(port.read(NOON - HOUR, NOON + HOUR))

    assert [len(page) for page in pages] == [2, 2, 1]


# BigQuery


@pytest.fixture
def bigquery(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    """A server with an empty table."""
    server = BigQuery()
    with serving(server) as address:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
        yield server


def test_the_table_returns_the_rows_of_the_interval(bigquery: BigQuery) -> None:
    """In the order of publishing, in pages, without the rows outside."""
    messages = [
        published(f"{n}", NOON + n * HOUR, f'{{"n": {n}, "é": 1}}'.encode()) for n in range(6)
    ]
    bigquery.insert(reversed(messages))
    port = BigQueryMessages("my-project", TABLE, FAST)

    pages = list(port.read(NOON, NOON + 5 * HOUR))

    assert [each for page in pages for each in page] == messages[:5]
    assert [len(page) for page in pages] == [2, 2, 1]


def test_an_empty_interval_has_no_pages(bigquery: BigQuery) -> None:
    """BigQuery's response then has no rows."""
    port = BigQueryMessages("my-project", TABLE, FAST)

    assert list(port.read(NOON, NOON + HOUR)) == []


def test_a_failed_request_is_repeated(bigquery: BigQuery) -> None:
    """An unavailable server does not end the reading."""
    bigquery.insert([published("one", NOON)])
    bigquery.failures = [(503, "try again"), (500, "backendError")]

    assert ids(read_all(BigQueryMessages("my-project", TABLE, FAST), NOON, NOON + HOUR)) == ["one"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ((403, "denied"), r"roles/bigquery\.jobUser .* roles/bigquery\.dataViewer"),
        ((404, "none"), "There is no table my-project.videovector.events"),
        ((400, "bad"), "bad"),
    ],
)
def test_a_refused_request_names_the_cause(
    bigquery: BigQuery, failure: tuple[int, str], message: str
) -> None:
    """With the roles that are needed."""
    bigquery.failures = [failure]

    with pytest.raises(BackendError, match=message):
        read_all(BigQueryMessages("my-project", TABLE, FAST), NOON, NOON + HOUR)


def test_a_query_that_does_not_end_is_given_up(bigquery: BigQuery) -> None:
    """After ten minutes, by the clock of the retries."""
    bigquery.completes = False
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    port = BigQueryMessages("my-project", TABLE, Retry(clock=clock, sleep=lambda _seconds: None))

    with pytest.raises(BackendError, match="did not end within 600 s"):
        read_all(port, NOON, NOON + HOUR)


def test_a_name_that_is_no_table_is_refused() -> None:
    """It would become a part of the query."""
    with pytest.raises(BackendError, match="is not the name of a table"):
        BigQueryMessages("my-project", "p.d.t` WHERE TRUE --", FAST)
