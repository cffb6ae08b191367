"""`videovector-bridge replay`: from the topic, the archive and BigQuery, to `events` or elsewhere.

BigQuery is a server of the tests; files of the archive are written by the tests.
"""

import io
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud.storage import Client
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.support.archived_files import write_file
from tests.support.bigquery import TABLE, BigQuery, serving
from tests.support.event_messages import event, message_of
from tests.support.local_stack import LocalStack
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.replays import published
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli import main as script

HOUR = timedelta(hours=1)
NEW = ("--from", "1h", "--to", "0s")
FAILED = [message_of(event(f"evt_{n}")) for n in range(3)]
STARTED = message_of(event("evt_started", event_type="prompt_run.started"))


@pytest.fixture
def embedded(
    tmp_path: Path, embedded_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> LocalStack:
    """A local stack on the embedded backend."""
    return LocalStack(tmp_path, embedded_settings, monkeypatch)


@pytest.fixture
def emulated(
    tmp_path: Path, gcp_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> LocalStack:
    """A local stack on the emulators; topic `retained` keeps messages, as the deployed one does."""
    transport = open_transport(PublisherGrpcTransport, "PUBSUB_EMULATOR_HOST")
    with PublisherClient(transport=transport) as publisher:
        for name in ("retained", "mine"):
            request = {
                "name": f"projects/{gcp_settings.project}/topics/{name}",
                "message_retention_duration": timedelta(days=7),
            }
            publisher.create_topic(request=request)
    stack = LocalStack(tmp_path, gcp_settings, monkeypatch)
    topics = {name: name for name in ("rejected", "media-urls", "dead-letters")}
    stack.describe(topics={**topics, "events": "retained"})
    return stack


def messages_of(stack: LocalStack, topic: str = "events") -> list[Message]:
    """Return the messages of a topic of the embedded backend."""
    stored = MessageLog(Path(stack.settings.embedded_dir)).read(topic, limit=10_000)
    return [each.message for each in stored]


def ids(messages: Sequence[Message]) -> list[str]:
    """Return the ids of the events."""
    return [each.attributes["ce-id"] for each in messages]


# From the topic


def test_what_was_published_is_published_again(embedded: LocalStack) -> None:
    """The same bytes, attributes and order; the record in `audit` says what was done."""
    embedded.publish(*FAILED, STARTED)

    result = embedded.run("replay", *NEW, "--type", "*.failed", "--yes", "--json")

    assert result.status == 0
    repeated = messages_of(embedded)[4:]
    assert [(each.data, each.attributes) for each in repeated] == [
        (each.data, each.attributes) for each in FAILED
    ]
    assert {each.ordering_key[:5] for each in repeated} == {"lane-"}
    document = result.json
    assert (document["source"], document["to_topic"]) == ("topic", "events")
    assert (document["published"], document["error"], document["dry_run"]) == (3, "", False)
    assert document["preview"]["by_type"] == {"prompt_run.failed": 3}
    (record,) = embedded.audit()
    assert (record["action"], record["subject"]) == ("replay", "events")
    assert record["details"]["preview"]["messages"] == 3
    assert record["outcome"] == {"published": 3, "error": ""}


@pytest.mark.emulator
def test_the_emulated_topic_is_replayed(emulated: LocalStack) -> None:
    """Through a seek; to another topic, which alone gets the messages."""
    own = Subscriber(emulated.settings, "mine")
    emulated.publish(*FAILED, topic="retained")

    result = emulated.run("replay", *NEW, "--yes", "--to-topic", "mine", "--wait", "3s", "--json")

    assert result.json["published"] == 3
    assert sorted(ids(own.receive(3))) == ["evt_0", "evt_1", "evt_2"]
    assert [record["subject"] for record in emulated.audit()] == ["mine"]


def test_a_dry_run_changes_nothing(embedded: LocalStack) -> None:
    """It shows the table, and what the replay would mean."""
    embedded.publish(*FAILED, STARTED)

    result = embedded.run("replay", *NEW, "--dry-run")

    assert result.status == 0
    assert "prompt_run.failed" in result.out
    assert "messages  4" in result.out
    assert "Every subscription of the topic gets the messages again" in result.err
    assert "This was a dry run: nothing was published." in result.err
    assert len(messages_of(embedded)) == 4
    assert embedded.audit() == []


@pytest.mark.parametrize(("reply", "status", "count"), [("y\n", 0, 2), ("n\n", 1, 1), ("", 1, 1)])
def test_it_asks_before_it_publishes(
    embedded: LocalStack, reply: str, status: int, count: int
) -> None:
    """Without a yes, nothing is published or recorded."""
    embedded.publish(STARTED)

    result = embedded.run("replay", *NEW, stdin=reply)

    assert result.status == status
    assert "Publish 1 messages to events again?" in result.err
    assert len(messages_of(embedded)) == count
    assert len(embedded.audit()) == count - 1


def test_an_empty_interval_is_no_error(embedded: LocalStack) -> None:
    """Nothing to confirm."""
    embedded.publish(STARTED)
    result = embedded.run("replay", "--from", "2h", "--to", "1h")

    assert result.status == 0
    assert "There is nothing to publish" in result.err


@pytest.mark.emulator
def test_a_missing_topic_ends_the_replay_with_the_reason(emulated: LocalStack) -> None:
    """The message repeats the interval, and the record has the error."""
    emulated.publish(STARTED, topic="retained")

    result = emulated.run("replay", *NEW, "--yes", "--to-topic", "none", "--wait", "3s")

    assert result.status == 1
    assert "Ended early after 0 messages: " in result.err
    assert "topics/none does not exist" in result.err
    assert "Run it again with --from 20" in result.err
    (record,) = emulated.audit()
    assert "does not exist" in record["outcome"]["error"]


def test_every_wrong_option_is_named(embedded: LocalStack) -> None:
    """At once, with those that depend on the deployment."""
    result = embedded.run(
        *("replay", "--from", "soon", "--to", "1h", "--rate", "0"),
        *("--source", "archive", "--to-topic", "rejected"),
    )

    assert result.status == 2
    for option in ("--from", "--rate", "--source archive", "--to-topic rejected"):
        assert f"{option}" in result.err


def test_a_replay_that_is_stopped_is_recorded_and_may_be_repeated(embedded: LocalStack) -> None:
    """By SIGTERM, in the middle: exit status 1; afterwards nothing is lost."""
    embedded.publish(*(message_of(event(f"evt_{n}")) for n in range(60)))
    now = datetime.now(UTC)
    interval = ("--from", (now - HOUR).isoformat(), "--to", now.isoformat())
    process = embedded.start("replay", *interval, "--yes", "--rate", "10")
    assert until(lambda: len(messages_of(embedded)) > 61)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert "Interrupted." in err
    (record,) = embedded.audit()
    assert record["outcome"]["error"] == "Interrupted."
    assert 1 < record["outcome"]["published"] < 60
    assert embedded.run("replay", *interval, "--yes", "--rate", "5000").status == 0
    repeated = messages_of(embedded)[60:]
    assert set(ids(repeated)) == {f"evt_{n}" for n in range(60)}
    assert len(repeated) >= 60 + record["outcome"]["published"]


def test_a_killed_replay_may_be_repeated(embedded: LocalStack) -> None:
    """Its record says that it began and has no outcome."""
    embedded.publish(*(message_of(event(f"evt_{n}")) for n in range(60)))
    now = datetime.now(UTC)
    interval = ("--from", (now - HOUR).isoformat(), "--to", now.isoformat())
    process = embedded.start("replay", *interval, "--yes", "--rate", "10")
    assert until(lambda: len(messages_of(embedded)) > 60)
    process.kill()
    process.communicate()
    assert embedded.run("replay", *interval, "--yes", "--rate", "5000").status == 0

    assert set(ids(messages_of(embedded)[60:])) == {f"evt_{n}" for n in range(60)}
    outcomes = [record["outcome"] for record in embedded.audit()]
    assert outcomes == [None, {"published": 60, "error": ""}]


def test_a_message_of_another_replay_is_not_of_the_interval(embedded: LocalStack) -> None:
    """What a replay publishes has its own publish time, so a replay always ends."""
    embedded.publish(STARTED)
    time.sleep(0.001)  # the clock's resolution
    now = datetime.now(UTC)
    interval = ("--from", (now - HOUR).isoformat(), "--to", now.isoformat())
    for count in (2, 3):
        assert embedded.run("replay", *interval, "--yes").status == 0
        assert len(messages_of(embedded)) == count


# From copies


@pytest.mark.emulator
def test_the_archive_is_replayed(emulated: LocalStack) -> None:
    """`auto` chooses it; messages outside the interval, in the same file, stay where they are."""
    bucket = f"{emulated.settings.project}-archive"
    storage = Client(project=emulated.settings.project)
    storage.create_bucket(bucket)
    emulated.describe(archive_bucket=bucket, bigquery_table=TABLE)
    now = datetime.now(UTC)
    inside = published("inside", now - HOUR, data=b"\x00\xff", ordering_key="lane-09")
    content = write_file([inside, published("outside", now - 9 * HOUR)])
    storage.bucket(bucket).blob("events/a.avro").upload_from_string(content)
    own = Subscriber(emulated.settings, "mine")

    result = emulated.run(
        *("replay", "--from", "2h", "--to", "30m", "--yes", "--to-topic", "mine", "--json")
    )

    assert (result.json["source"], result.json["published"]) == ("archive", 1)
    assert own.receive(1) == [inside.message]
    assert "files" not in " ".join(result.json["notes"])


@pytest.fixture
def bigquery(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    """A server with an empty table."""
    server = BigQuery()
    with serving(server) as address:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
        yield server


def test_the_table_is_replayed(embedded: LocalStack, bigquery: BigQuery) -> None:
    """`auto` chooses it where there is no archive. The query runs in the deployment's project."""
    embedded.describe(bigquery_table=TABLE, project="my-project")
    now = datetime.now(UTC)
    rows = [published(f"row-{n}", now - n * HOUR, data=b'{"\xc3\xa9": 1}') for n in range(1, 6)]
    bigquery.insert(rows)

    result = embedded.run("replay", "--from", "3h30m", "--to", "1m", "--yes", "--json")
    assert result.status == 2
    result = embedded.run("replay", "--from", "210m", "--to", "1m", "--yes", "--json")

    assert (result.json["source"], result.json["published"]) == ("bigquery", 3)
    assert messages_of(embedded) == [each.message for each in (rows[2], rows[1], rows[0])]
    assert bigquery.requests[0][0] == "/bigquery/v2/projects/my-project/queries"


def test_a_source_that_fails_after_the_preview_is_named(
    embedded: LocalStack, bigquery: BigQuery
) -> None:
    """What was published before counts, and the exit status is 1."""
    embedded.describe(bigquery_table=TABLE, project="my-project")
    now = datetime.now(UTC)
    bigquery.insert(published(f"row-{n}", now - HOUR) for n in range(3))
    before = len(bigquery.requests)

    respond = bigquery.respond

    def fail_later(path: str, asked: dict[str, object]) -> tuple[int, dict[str, object]]:
        # The preview has three requests; the replay's fourth is its second page.
        if len(bigquery.requests) - before == 5:
            bigquery.failures = [(403, "revoked")]
        return respond(path, asked)

    bigquery.respond = fail_later  # type: ignore[method-assign]
    result = embedded.run("replay", "--from", "2h", "--to", "1m", "--yes", "--json")

    assert result.status == 1
    assert result.json["published"] == 2
    assert "revoked" in result.json["error"]


def test_a_missing_library_is_named(
    embedded: LocalStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "fastavro", None)
    embedded.describe(archive_bucket="archive", project="p")
    monkeypatch.setattr(
        "videovector_bridge.backends.gcp.objects.BucketReader.list",
        lambda _self, _prefix, _keep: [object()],
    )
    monkeypatch.setattr(
        "videovector_bridge.backends.gcp.objects.BucketReader.open",
        lambda _self, _stored: io.BytesIO(),
    )
    with pytest.raises(SystemExit) as ended:
        script.main(["replay", *NEW, "--dry-run", "--local"])

    assert ended.value.code == 2
    assert "needs fastavro: pip install 'videovector-bridge[cli]'" in capsys.readouterr().err
