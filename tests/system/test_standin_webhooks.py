"""The stand-in's webhooks: the vendor's SDK manages them, and deliveries come over real HTTP."""

import hashlib
import hmac
from collections.abc import Iterator

import httpx
import orjson
import pytest
import videovector
from videovector import VideoVector

from infra.standin import StandIn, StandInConfig
from infra.standin.webhooks.webhook import EVENTS
from tests.support.patience import until
from tests.support.receiver import Receiver, Request, receiving


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in that loses no time between attempts."""
    config = StandInConfig(
        webhook_retry_seconds=0.01, webhook_attempts=3, webhook_hold_seconds=600.0
    )
    with StandIn(config) as running:
        yield running


@pytest.fixture
def client(standin: StandIn) -> Iterator[VideoVector]:
    """The SDK with a key that may do everything."""
    key = standin.keys["admin"]
    with VideoVector(api_key=key, base_url=standin.api_url, max_retries=0) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with receiving() as running:
        yield running


def settled(standin: StandIn) -> dict[str, object]:
    """What was told, once all of it is taken or given up."""
    return standin.control.settled_webhooks()


def signed_with(secret: str, request: Request) -> bool:
    """Whether a request carries the signature of that secret."""
    wanted = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    return request.headers["x-webhook-signature"] == f"sha256={wanted}"


def test_sdk_manages_webhooks(client: VideoVector) -> None:
    """Create, list, retrieve, update, rotate and delete do what they say."""
    made = client.webhooks.create(
        name="mine", url="https://example.com/hook", events=["export.ready"], metadata={"a": 1}
    )
    webhook_id = made.webhook_id

    assert made.secret.startswith("whsec_")
    assert (made.status, made.failure_count, made.metadata) == ("active", 0, {"a": 1})
    assert [each.webhook_id for each in client.webhooks.list()] == [webhook_id]
    assert not hasattr(client.webhooks.retrieve(webhook_id), "secret")
    changed = client.webhooks.update(webhook_id, status="paused", events=["media.created"])
    assert (changed.status, changed.events, changed.name) == ("paused", ["media.created"], "mine")
    rotated = client.webhooks.rotate_secret(webhook_id)
    assert (rotated.webhook_id, rotated.new_secret != made.secret) == (webhook_id, True)
    assert client.webhooks.delete(webhook_id).message
    assert client.webhooks.list() == []
    with pytest.raises(videovector.NotFoundError):
        client.webhooks.retrieve(webhook_id)


def test_sdk_knows_the_same_events(client: VideoVector) -> None:
    """The stand-in lists the vendor's events, in the vendor's order."""
    assert tuple(client.webhooks.list_events()) == EVENTS
    assert set(EVENTS) == set(videovector.resources.webhooks.WEBHOOK_EVENTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"url": "http://example.com/hook"},
        {"url": "ftp://127.0.0.1/hook"},
        {"url": "https://"},
        {"events": []},
        {"events": ["no.such_event"]},
        {"index_ids": "all"},
        {"metadata": []},
    ],
    ids=str,
)
def test_what_the_documentation_does_not_allow_is_refused(
    client: VideoVector, wrong: dict[str, object]
) -> None:
    """A webhook has a name, an https address and events that exist."""
    right = {"name": "x", "url": "https://example.com", "events": ["export.ready"]}

    with pytest.raises(videovector.ValidationError):
        client.webhooks.create(**{**right, **wrong})  # type: ignore[arg-type]


def test_a_repeated_create_makes_no_second_one(client: VideoVector) -> None:
    """One idempotency key, one webhook, one secret; another body under it is a conflict."""
    body = {"name": "x", "url": "https://example.com", "events": ["export.ready"]}
    one = client.webhooks.create(**body, idempotency_key="k")  # type: ignore[arg-type]
    two = client.webhooks.create(**body, idempotency_key="k")  # type: ignore[arg-type]

    assert (one.webhook_id, one.secret) == (two.webhook_id, two.secret)
    with pytest.raises(videovector.ConflictError):
        client.webhooks.create(**{**body, "name": "y"}, idempotency_key="k")  # type: ignore[arg-type]
    assert len(client.webhooks.list()) == 1


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/webhooks", "read"),
        ("GET", "/webhooks", "search"),
        ("DELETE", "/webhooks/x", "write"),
    ],
)
def test_scopes_are_asked_for(standin: StandIn, method: str, path: str, scope: str) -> None:
    """Reads need read, changes write, deletes admin."""
    headers = {"X-API-Key": standin.keys[scope]}

    assert httpx.request(method, standin.api_url + path, headers=headers).status_code == 403


def test_a_delivery_is_signed_and_on_record(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Body and headers are the documented ones, and the record tells how it went."""
    made = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    (event_id,) = standin.control.news(data={"video_id": "vid_1"})
    (request,) = receiver.wait(1)
    body = orjson.loads(request.body)
    settled(standin)
    (record,) = client.webhooks.list_deliveries(made.webhook_id)

    assert signed_with(made.secret, request)
    assert (body["id"], body["event"]) == (event_id, "media.created")
    assert set(body) == {"id", "event", "data", "created_at", "api_version"}
    assert body["data"] == {"video_id": "vid_1", "n": 0}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-webhook-id"] == made.webhook_id
    assert request.headers["x-event-type"] == "media.created"
    assert request.headers["x-delivery-id"] == record.delivery_id
    assert request.headers["idempotency-key"]
    assert request.headers["x-delivery-attempt-id"]
    assert (record.status, record.attempts, record.response_status_code) == ("delivered", 1, 204)
    assert record.payload == body
    assert client.webhooks.get_delivery(record.delivery_id).status == "delivered"


def test_sdk_tests_a_webhook(standin: StandIn, client: VideoVector, receiver: Receiver) -> None:
    """A test is delivered at once, without a delivery id, and is on no record."""
    made = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    result = client.webhooks.test(made.webhook_id)
    (request,) = receiver.requests

    assert (result.success, result.status_code, result.error) == (True, 204, None)
    assert signed_with(made.secret, request)
    assert orjson.loads(request.body)["event"] == "test"
    assert "x-delivery-id" not in request.headers
    assert client.webhooks.list_deliveries(made.webhook_id) == []
    receiver.answer = lambda _request: (401, {})
    assert client.webhooks.test(made.webhook_id).success is False


def test_what_is_not_taken_comes_again_and_is_given_up_in_the_end(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Attempts carry the same body; after the last the delivery has failed, and may be retried."""
    made = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    receiver.answer = lambda _request: (503, {"Retry-After": "0"})
    standin.control.news()
    bodies = {request.body for request in receiver.wait(3)}
    settled(standin)
    (failed,) = client.webhooks.list_deliveries(made.webhook_id, status="failed")

    assert len(bodies) == 1
    assert (failed.attempts, failed.response_status_code) == (3, 503)
    assert client.webhooks.retrieve(made.webhook_id).failure_count == 3
    receiver.answer = lambda _request: (204, {})
    assert client.webhooks.retry_delivery(failed.delivery_id).status == "pending"
    receiver.wait(4)
    settled(standin)
    assert client.webhooks.get_delivery(failed.delivery_id).status == "delivered"
    with pytest.raises(videovector.ConflictError):
        client.webhooks.retry_delivery(failed.delivery_id)


def test_a_receiver_that_is_not_there_is_a_failed_attempt(
    standin: StandIn, client: VideoVector
) -> None:
    """An error of the connection is told in the record."""
    made = client.webhooks.create(name="x", url="http://127.0.0.1:9", events=["media.created"])
    standin.control.news()
    settled(standin)
    (failed,) = client.webhooks.list_deliveries(made.webhook_id)

    assert (failed.status, failed.response_status_code) == ("failed", None)
    assert failed.error_message


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({"events": ["media.created"]}, "active", 1),
        ({"events": ["media.created"], "index_ids": ["idx_1"]}, "active", 1),
        ({"events": ["media.created"], "index_ids": ["idx_2"]}, "active", 0),
        ({"events": ["export.ready"]}, "active", 0),
        ({"events": ["media.created"]}, "paused", 0),
    ],
)
def test_only_what_was_asked_for_is_delivered(
    standin: StandIn, receiver: Receiver, asked: dict[str, list[str]], status: str, told: int
) -> None:
    """Events, indexes and status decide."""
    key = standin.keys["admin"]
    with VideoVector(api_key=key, base_url=standin.api_url, max_retries=0) as client:
        made = client.webhooks.create(name="x", url=receiver.url, **asked)  # type: ignore[arg-type]
        client.webhooks.update(made.webhook_id, status=status)
    standin.control.news(data={"index_id": "idx_1"})
    settled(standin)

    assert len(receiver.requests) == told


def test_a_rotated_secret_signs_at_once(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Every attempt after the rotation carries the new secret, a retry too."""
    made = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    rotated: list[str] = []

    def refuse_once(_request: Request) -> tuple[int, dict[str, str]]:
        if not rotated:
            rotated.append(client.webhooks.rotate_secret(made.webhook_id).new_secret)
            return 401, {}
        return 204, {}

    receiver.answer = refuse_once
    standin.control.news()
    first, second = receiver.wait(2)
    told = settled(standin)

    assert signed_with(made.secret, first)
    assert signed_with(rotated[0], second)
    assert [each["generation"] for each in told["attempts"]] == [1, 2]  # type: ignore[attr-defined]


def test_faults_repeat_and_reorder_deliveries(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """A repeat comes twice, and what is held back comes after what followed it."""
    client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    standin.control.faults(
        {"on": "delivery", "kind": "repeat"}, {"on": "delivery", "kind": "hold", "n": 1}
    )
    (repeated,) = standin.control.news()
    settled(standin)
    (held,) = standin.control.news()
    (following,) = standin.control.news()
    ids = [orjson.loads(request.body)["id"] for request in receiver.wait(4)]

    assert sorted(ids) == sorted([repeated, repeated, held, following])
    assert ids.index(following) < ids.index(held)


def test_runs_are_told_in_the_words_of_webhooks(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """A run's course arrives with its ids, and none of it stands on the event stream."""
    client.webhooks.create(name="x", url=receiver.url, events=list(EVENTS))
    (run_id,) = standin.control.runs(1, videos_per_run=2)["run_ids"]
    assert until(lambda: standin.control.journal(ids=False)["runs_active"] == 0)
    told = settled(standin)
    bodies = [orjson.loads(request.body) for request in receiver.requests]
    of_run = [each for each in bodies if each["event"].startswith("prompt_run.")]

    assert {each["id"] for each in bodies} == set(told["event_ids"])  # type: ignore[call-overload]
    assert {each["data"]["run_id"] for each in of_run} == {run_id}
    types = told["event_types"]
    assert isinstance(types, dict)
    assert types["media.created"] == types["media.processing.started"] == 2
    assert types["prompt_run.started"] == types["import_job.completed"] == 1
    assert types["prompt_run.progress"] == 2
    assert not set(told["event_ids"]) & set(standin.control.journal()["event_ids"])  # type: ignore[call-overload]
