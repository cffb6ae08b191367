"""Webhooks: management with the vendor's SDK, and deliveries over real HTTP."""

import hashlib
import hmac
from collections.abc import Iterator

import orjson
import pytest
import videovector
from videovector import VideoVector

from infra.standin import WEBHOOK_EVENTS, StandIn, StandInConfig
from tests.support.patience import until
from tests.support.receiver import Receiver, Request, receiving
from tests.support.standin_api import open_sdk, request


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in with a short backoff between attempts."""
    config = StandInConfig(
        webhook_retry_seconds=0.01, webhook_attempts=3, webhook_hold_seconds=600.0
    )
    with StandIn(config) as running:
        yield running


@pytest.fixture
def client(standin: StandIn) -> Iterator[VideoVector]:
    """The SDK with an `admin` key."""
    with open_sdk(standin, "admin") as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook receiver."""
    with receiving() as running:
        yield running


def is_signed_with(secret: str, request: Request) -> bool:
    """Whether the request has a signature of the secret."""
    expected = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    return request.headers["x-webhook-signature"] == f"sha256={expected}"


def test_sdk_manages_webhooks(client: VideoVector) -> None:
    """Create, list, retrieve, update, rotate and delete have their documented effects."""
    created = client.webhooks.create(
        name="mine", url="https://example.com/hook", events=["export.ready"], metadata={"a": 1}
    )
    webhook_id = created.webhook_id

    assert created.secret.startswith("whsec_")
    assert (created.status, created.failure_count, created.metadata) == ("active", 0, {"a": 1})
    assert [each.webhook_id for each in client.webhooks.list()] == [webhook_id]
    assert not hasattr(client.webhooks.retrieve(webhook_id), "secret")
    changed = client.webhooks.update(webhook_id, status="paused", events=["media.created"])
    assert (changed.status, changed.events, changed.name) == ("paused", ["media.created"], "mine")
    rotated = client.webhooks.rotate_secret(webhook_id)
    assert (rotated.webhook_id, rotated.new_secret != created.secret) == (webhook_id, True)
    assert client.webhooks.delete(webhook_id).message
    assert client.webhooks.list() == []
    with pytest.raises(videovector.NotFoundError):
        client.webhooks.retrieve(webhook_id)


def test_sdk_knows_the_same_events(client: VideoVector) -> None:
    """The stand-in lists the vendor's events, in the vendor's order."""
    assert tuple(client.webhooks.list_events()) == WEBHOOK_EVENTS
    assert set(WEBHOOK_EVENTS) == set(videovector.resources.webhooks.WEBHOOK_EVENTS)


@pytest.mark.parametrize(
    "invalid",
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
def test_an_invalid_webhook_is_rejected(client: VideoVector, invalid: dict[str, object]) -> None:
    """A webhook has a name, an https URL and existing events."""
    valid = {"name": "x", "url": "https://example.com", "events": ["export.ready"]}

    with pytest.raises(videovector.ValidationError):
        client.webhooks.create(**{**valid, **invalid})  # type: ignore[arg-type]


def test_a_repeated_create_has_no_effect(client: VideoVector) -> None:
    """One idempotency key creates one webhook; another body with this key is a conflict."""
    body = {"name": "x", "url": "https://example.com", "events": ["export.ready"]}
    first = client.webhooks.create(**body, idempotency_key="k")  # type: ignore[arg-type]
    second = client.webhooks.create(**body, idempotency_key="k")  # type: ignore[arg-type]

    assert (first.webhook_id, first.secret) == (second.webhook_id, second.secret)
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
def test_scopes_are_required(standin: StandIn, method: str, path: str, scope: str) -> None:
    """Reads need `read`, changes `write`, deletes `admin`."""
    assert request(standin, method, path, scope=scope).status_code == 403


def test_a_delivery_is_signed_and_recorded(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Body and headers are as documented, and the record has the result."""
    created = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    (event_id,) = standin.control.webhook_events(data={"video_id": "vid_1"})
    (request,) = receiver.wait(1)
    body = orjson.loads(request.body)
    standin.control.settled_webhooks()
    (record,) = client.webhooks.list_deliveries(created.webhook_id)

    assert is_signed_with(created.secret, request)
    assert (body["id"], body["event"]) == (event_id, "media.created")
    assert set(body) == {"id", "event", "data", "created_at", "api_version"}
    assert body["data"] == {"video_id": "vid_1", "n": 0}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-webhook-id"] == created.webhook_id
    assert request.headers["x-event-type"] == "media.created"
    assert request.headers["x-delivery-id"] == record.delivery_id
    assert request.headers["idempotency-key"]
    assert request.headers["x-delivery-attempt-id"]
    assert (record.status, record.attempts, record.response_status_code) == ("delivered", 1, 204)
    assert record.payload == body
    assert client.webhooks.get_delivery(record.delivery_id).status == "delivered"


def test_sdk_tests_a_webhook(standin: StandIn, client: VideoVector, receiver: Receiver) -> None:
    """A test is delivered immediately, without a delivery id and a record."""
    created = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    result = client.webhooks.test(created.webhook_id)
    (request,) = receiver.requests

    assert (result.success, result.status_code, result.error) == (True, 204, None)
    assert is_signed_with(created.secret, request)
    assert orjson.loads(request.body)["event"] == "test"
    assert "x-delivery-id" not in request.headers
    assert client.webhooks.list_deliveries(created.webhook_id) == []
    receiver.respond = lambda _request: (401, {})
    assert client.webhooks.test(created.webhook_id).success is False


def test_a_delivery_is_retried_and_finally_abandoned(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Every attempt has the same body. After the last one, a manual retry is possible."""
    created = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    receiver.respond = lambda _request: (503, {"Retry-After": "0"})
    standin.control.webhook_events()
    bodies = {request.body for request in receiver.wait(3)}
    standin.control.settled_webhooks()
    (failed,) = client.webhooks.list_deliveries(created.webhook_id, status="failed")

    assert len(bodies) == 1
    assert (failed.attempts, failed.response_status_code) == (3, 503)
    assert client.webhooks.retrieve(created.webhook_id).failure_count == 3
    receiver.respond = lambda _request: (204, {})
    assert client.webhooks.retry_delivery(failed.delivery_id).status == "pending"
    receiver.wait(4)
    standin.control.settled_webhooks()
    assert client.webhooks.get_delivery(failed.delivery_id).status == "delivered"
    with pytest.raises(videovector.ConflictError):
        client.webhooks.retry_delivery(failed.delivery_id)


def test_an_unreachable_receiver_is_a_failed_attempt(standin: StandIn, client: VideoVector) -> None:
    """The record has the connection error."""
    created = client.webhooks.create(name="x", url="http://127.0.0.1:9", events=["media.created"])
    standin.control.webhook_events()
    standin.control.settled_webhooks()
    (failed,) = client.webhooks.list_deliveries(created.webhook_id)

    assert (failed.status, failed.response_status_code) == ("failed", None)
    assert failed.error_message


@pytest.mark.parametrize(
    ("subscription", "status", "count"),
    [
        ({"events": ["media.created"]}, "active", 1),
        ({"events": ["media.created"], "index_ids": ["idx_1"]}, "active", 1),
        ({"events": ["media.created"], "index_ids": ["idx_2"]}, "active", 0),
        ({"events": ["export.ready"]}, "active", 0),
        ({"events": ["media.created"]}, "paused", 0),
    ],
)
def test_only_subscribed_events_are_delivered(
    standin: StandIn,
    receiver: Receiver,
    subscription: dict[str, list[str]],
    status: str,
    count: int,
) -> None:
    """Events, indexes and status decide about delivery."""
    with open_sdk(standin, "admin") as client:
        created = client.webhooks.create(name="x", url=receiver.url, **subscription)  # type: ignore[arg-type]
        client.webhooks.update(created.webhook_id, status=status)
    standin.control.webhook_events(data={"index_id": "idx_1"})
    standin.control.settled_webhooks()

    assert len(receiver.requests) == count


def test_a_rotated_secret_signs_immediately(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Every attempt after the rotation uses the new secret, retries included."""
    created = client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    rotated: list[str] = []

    def reject_once(_request: Request) -> tuple[int, dict[str, str]]:
        if not rotated:
            rotated.append(client.webhooks.rotate_secret(created.webhook_id).new_secret)
            return 401, {}
        return 204, {}

    receiver.respond = reject_once
    standin.control.webhook_events()
    first, second = receiver.wait(2)
    report = standin.control.settled_webhooks()

    assert is_signed_with(created.secret, first)
    assert is_signed_with(rotated[0], second)
    assert [each["generation"] for each in report["attempts"]] == [1, 2]


def test_faults_repeat_and_reorder_deliveries(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """A repeated delivery arrives twice, and a delivery on hold after the next one."""
    client.webhooks.create(name="x", url=receiver.url, events=["media.created"])
    standin.control.faults(
        {"on": "delivery", "kind": "repeat"}, {"on": "delivery", "kind": "hold", "n": 1}
    )
    (repeated,) = standin.control.webhook_events()
    standin.control.settled_webhooks()
    (on_hold,) = standin.control.webhook_events()
    (following,) = standin.control.webhook_events()
    ids = [orjson.loads(request.body)["id"] for request in receiver.wait(4)]

    assert sorted(ids) == sorted([repeated, repeated, on_hold, following])
    assert ids.index(following) < ids.index(on_hold)


def test_runs_cause_webhook_events(
    standin: StandIn, client: VideoVector, receiver: Receiver
) -> None:
    """Webhook events have the run's ids, and are not part of the event stream."""
    client.webhooks.create(name="x", url=receiver.url, events=list(WEBHOOK_EVENTS))
    (run_id,) = standin.control.runs(1, videos_per_run=2)["run_ids"]
    assert until(lambda: standin.control.journal(ids=False)["runs_active"] == 0)
    report = standin.control.settled_webhooks()
    bodies = [orjson.loads(request.body) for request in receiver.requests]
    of_run = [each for each in bodies if each["event"].startswith("prompt_run.")]

    assert {each["id"] for each in bodies} == set(report["event_ids"])
    assert {each["data"]["run_id"] for each in of_run} == {run_id}
    types = report["event_types"]
    assert isinstance(types, dict)
    assert types["media.created"] == types["media.processing.started"] == 2
    assert types["prompt_run.started"] == types["import_job.completed"] == 1
    assert types["prompt_run.progress"] == 2
    assert not set(report["event_ids"]) & set(standin.control.journal()["event_ids"])
