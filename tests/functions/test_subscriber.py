"""What a subscriber function answers to each message: done, rejected, or to be redelivered."""

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.subscribing import Deployed, event, message_of, message_of_delivery
from tests.support.webhooks import delivery
from videovector_bridge.automate import processing, subscriber, wiring
from videovector_bridge.automate.effects import store
from videovector_bridge.backends import Backend

RED = """
[[automation]]
name = "red"
on = ["prompt_run.failed"]
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "red"
note = "with {event.payload}"
"""
GREEN = RED.replace("red", "green").replace("failed", "completed")
PUT = "PUT /markers"
Deploy = Callable[[str], Deployed]


@pytest.fixture
def markers(deploy: Deploy) -> Deployed:
    """`upsert_markers` with an automation or two, over each backend in turn."""
    deployed = deploy("upsert_markers")
    deployed.automations(RED, GREEN)
    return deployed


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> Deployed:
    """`upsert_markers` with an automation or two, over the embedded backend."""
    deployed = deploy_embedded("upsert_markers")
    deployed.automations(RED, GREEN)
    return deployed


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log so far, every line of which is JSON on standard output."""
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return [json.loads(line) for line in out.splitlines()]


def test_an_event_has_its_effect_once(
    markers: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first delivery upserts, the second finds it done, without a request to the API."""
    assert markers.push(event()) == 200
    assert markers.push(event()) == 200

    assert markers.markers() == {"run_1": "red"}
    assert markers.requests(PUT) == 1
    assert markers.record("marker:run:run_1").fields["pending"] == {}
    assert [one["event"] for one in lines(capsys)] == [
        "upsert_marker.done",
        "upsert_marker.done_before",
    ]


def test_an_older_event_that_comes_late_changes_nothing(markers: Deployed) -> None:
    """Order of delivery is not order of events."""
    markers.push(event("evt_2", 2, event_type="prompt_run.completed"))

    assert markers.push(event("evt_1", 1)) == 200

    assert markers.markers() == {"run_1": "green"}
    assert markers.requests(PUT) == 1


def test_a_delivery_has_its_effect_once(markers: Deployed) -> None:
    """A webhook's delivery has the effect of an event; delivered again, it has no second one."""
    body = delivery(data={"run_id": "run_1", "user_id": "u1"})

    assert [markers.push_delivery(body) for _ in range(3)] == [200, 200, 200]

    assert markers.markers() == {"run_1": "red"}
    assert markers.requests(PUT) == 1
    assert markers.published("rejected") == []


def test_a_replayed_delivery_undoes_nothing(markers: Deployed) -> None:
    """An old delivery that is sent again is older than the events since."""
    old, new = delivery("evt_1", 1), delivery("evt_2", 2, event="prompt_run.completed")
    for body in (old, new, old, new, old):
        assert markers.push_delivery(body) == 200

    assert markers.markers() == {"run_1": "green"}
    assert markers.requests(PUT) == 2


def test_events_of_both_channels_have_one_order(markers: Deployed) -> None:
    """The newest wins, whichever way it came, and whichever came first."""
    completed = {"event_type": "prompt_run.completed"}
    assert markers.push(event("evt_2", 2, **completed)) == 200
    assert markers.push_delivery(delivery("evt_1", 1)) == 200
    assert markers.markers() == {"run_1": "green"}

    assert markers.push_delivery(delivery("evt_4", 4)) == 200
    assert markers.push(event("evt_3", 3, **completed)) == 200
    assert markers.markers() == {"run_1": "red"}


@pytest.mark.parametrize(
    ("channel", "expected"), [("webhook", {"run_1": "red"}), ("stream", {"run_2": "red"})]
)
def test_an_automation_may_select_its_channel(
    embedded: Deployed, channel: str, expected: dict[str, str]
) -> None:
    """Of a delivery and an event of the stream it takes the one that it asks for."""
    embedded.automations(RED.replace("[automation.", f'channel = "{channel}"\n[automation.'))

    assert embedded.push_delivery(delivery("evt_1")) == 200
    assert embedded.push(event("evt_2", run_id="run_2")) == 200

    assert embedded.markers() == expected


def test_a_delivery_that_is_no_event_is_rejected_byte_for_byte(embedded: Deployed) -> None:
    """A message of the webhook's channel is judged as any other."""
    attributes = message_of_delivery(delivery()).attributes

    assert embedded.post(b"[]", attributes)[0] == 200

    (found,) = embedded.published("rejected")
    assert (found.data, found.attributes["code"]) == (b"[]", "not_an_event")


def test_events_without_an_automation_are_acknowledged(embedded: Deployed) -> None:
    """Subscriptions without a filter deliver everything."""
    assert embedded.push(event(event_type="prompt_run.progress")) == 200

    assert embedded.requests(PUT) == 0


def test_what_no_redelivery_helps_is_rejected_byte_for_byte(markers: Deployed) -> None:
    """`rejected` has the bytes and attributes of the message, and who can correct what."""
    junk = bytes(range(256))
    attributes = message_of(event()).attributes

    status, _ = markers.post(junk, attributes)

    assert status == 200
    (found,) = markers.published("rejected")
    assert found.data == junk
    assert {name: found.attributes[name] for name in found.attributes if name != "detail"} == {
        **{name: value for name, value in attributes.items() if name.startswith("ce-")},
        "reason": "vendor",
        "code": "not_an_event",
        "action": "upsert_marker",
        "event-id": "evt_1",
        "part": "1",
        "parts": "1",
    }


@pytest.mark.parametrize(
    ("fields", "automation", "reason", "code"),
    [
        ({"created_at": "yesterday"}, RED, "vendor", "bad_time"),
        ({"created_at": None}, RED, "vendor", "bad_time"),
        ({"run_id": None}, RED, "user", "expression_failed"),
        ({}, RED.replace("{event.run_id}", "{event.payload.id}"), "user", "expression_failed"),
        ({}, RED.replace("{event.run_id}", "{event.payload.id + 1}"), "user", "expression_failed"),
        ({}, RED.replace('color = "red"', 'color = "{1.0/0.0}"'), "user", "expression_failed"),
        (
            {"payload": {"n": "x"}},
            RED.replace("[automation.", 'when = "event.payload.n > 3"\n[automation.'),
            "user",
            "expression_failed",
        ),
        ({"payload": {"text": "x" * 100_000}}, RED, "user", "marker_too_large"),
        (
            {},
            RED.replace('target_type = "run"', 'target_type = "{event.user_id}"'),
            "user",
            "validation_refused",
        ),
    ],
    ids=[
        "bad time",
        "no time",
        "null in a text",
        "missing field",
        "failing field",
        "infinite color",
        "failing condition",
        "large marker",
        "refused target type",
    ],
)
def test_each_permanent_problem_has_its_reason(
    embedded: Deployed, fields: dict[str, Any], automation: str, reason: str, code: str
) -> None:
    """The reason says who can correct it, the code what it is; the event is acknowledged."""
    embedded.automations(automation)
    sent = event(**fields)

    assert embedded.push(sent) == 200

    (found,) = embedded.published("rejected")
    assert (reason, code) == (found.attributes["reason"], found.attributes["code"])
    assert sent == json.loads(found.data)


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"null", b"{", b"\xff\xfe", b'{"a": \xff}'])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_data_that_is_no_event_is_rejected(
    embedded: Deployed, data: bytes, content_type: str
) -> None:
    """Any bytes but a JSON object are the vendor's to correct, whatever their content type."""
    attributes = {**message_of(event()).attributes, "content-type": content_type}

    status, _ = embedded.post(data, attributes)

    assert status == 200
    (found,) = embedded.published("rejected")
    assert (data, "not_an_event") == (found.data, found.attributes["code"])


def test_a_wrapped_push_is_not_lost(embedded: Deployed) -> None:
    """A subscription that wraps its messages is a mistake, and the rejection says so."""
    wrapped = {"message": {"data": "e30=", "messageId": "1"}, "subscription": "projects/p/s/s"}
    body = json.dumps(wrapped).encode()

    status, _ = embedded.post(body, {"content-type": "application/json"})

    assert status == 200
    (found,) = embedded.published("rejected")
    assert (body, "foreign_type") == (found.data, found.attributes["code"])
    assert "unwrap" in found.attributes["detail"]


def without(*names: str) -> dict[str, str]:
    """The headers of a good event, without some."""
    attributes = dict(message_of(event()).attributes)
    return {name: value for name, value in attributes.items() if name not in names}


@pytest.mark.parametrize(
    "attributes",
    [
        without("ce-id"),
        without("ce-type"),
        without("ce-source"),
        without("ce-specversion"),
        {**without(), "ce-specversion": "9.9"},
    ],
    ids=["id", "type", "source", "specversion", "version 9.9"],
)
def test_what_is_no_cloud_event_is_rejected(embedded: Deployed, attributes: dict[str, str]) -> None:
    """No redelivery gives a message the attributes that every CloudEvent has."""
    data = message_of(event()).data
    status, _ = embedded.post(data, attributes)

    assert status == 200
    assert embedded.requests(PUT) == 0
    (found,) = embedded.published("rejected")
    assert (found.data, found.attributes["code"]) == (data, "foreign_type")


def test_only_post_is_answered(embedded: Deployed) -> None:
    """A health check or a person with a browser changes nothing."""
    answer = embedded.client.get("/")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert embedded.published("rejected") == []


def test_the_time_of_an_event_is_never_made_up(embedded: Deployed) -> None:
    """Without `created_at` the attribute counts; without both the order is not known."""
    data = json.dumps(event() | {"created_at": None}).encode()
    assert embedded.post(data, {**without("ce-time"), "ce-time": "2026-01-01T00:00:09Z"})[0] == 200
    assert embedded.markers() == {"run_1": "red"}
    stamp = embedded.record("marker:run:run_1").fields["created_at"]
    assert stamp == "2026-01-01T00:00:09.000000+00:00"

    embedded.post(data, without("ce-time"))

    (found,) = embedded.published("rejected")
    assert found.attributes["code"] == "bad_time"


def fault(**fields: Any) -> dict[str, Any]:
    """Something that befalls every request to upsert a marker."""
    return {"on": PUT, "times": None, **fields}


@pytest.mark.parametrize(
    "trouble",
    [
        fault(kind="status", status=401),
        fault(kind="status", status=403),
        fault(kind="status", status=429, retry_after=60),
        fault(kind="status", status=500),
        fault(kind="status", status=503),
        fault(kind="status", status=502),
        fault(kind="drop"),
        fault(kind="drop", reset=True),
        fault(kind="delay", seconds=30),
    ],
    ids=lambda one: "-".join(map(str, list(one.values())[2:])),
)
def test_transient_trouble_is_redelivered(
    embedded: Deployed, capsys: pytest.CaptureFixture[str], trouble: dict[str, Any]
) -> None:
    """Trouble at VideoVector answers 503 in a sentence, and rejects nothing."""
    embedded.standin.control.faults(trouble)
    if trouble["kind"] == "delay":
        embedded.set("API_TIMEOUT_SECONDS", "0.2")
    message = message_of(event())

    status, body = embedded.post(message.data, message.attributes)

    assert status == 503
    assert PUT.replace(" /", " /api/v2/") in body
    assert "Traceback" not in body
    assert embedded.standin.keys["write"] not in body
    (line,) = lines(capsys)
    assert (line["severity"], line["event"]) == ("WARNING", "upsert_marker.retry")
    assert embedded.standin.keys["write"] not in str(line)
    assert embedded.published("rejected") == []


def test_an_event_in_doubt_has_its_effect_in_the_end(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a lost answer the event waits until no request can land, then is applied."""
    monkeypatch.setattr(subscriber, "_PAUSE_SECONDS", 0.0)
    embedded.standin.control.faults({"on": PUT, "kind": "drop", "act": True})

    assert embedded.push(event()) == 503
    assert embedded.push(event()) == 503  # not yet
    assert embedded.requests(PUT) == 1
    (until,) = embedded.record("marker:run:run_1").fields["pending"].values()
    monkeypatch.setattr(wiring.instance.get()[0].effects, "_now", lambda: until)

    assert embedded.push(event()) == 200
    assert embedded.requests(PUT) == 2


def test_a_wrong_key_or_scope_is_redelivered(embedded: Deployed) -> None:
    """The same message succeeds once the key is corrected."""
    for key in ("sk_wrong_0123456789", embedded.standin.keys["read"]):
        embedded.set("VIDEO_VECTOR_API_KEY", key)
        wiring.instance._made = None
        message = message_of(event())
        status, body = embedded.post(message.data, message.attributes)
        assert status == 503
        assert key not in body

    embedded.set("VIDEO_VECTOR_API_KEY", embedded.standin.keys["write"])
    wiring.instance._made = None
    assert embedded.push(event()) == 200


def test_an_unreachable_api_is_redelivered(embedded: Deployed) -> None:
    """A refused connection is transient, and may be tried again at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    embedded.set("VIDEO_VECTOR_BASE_URL", f"http://127.0.0.1:{port}/api/v2")
    wiring.instance._made = None
    assert embedded.push(event()) == 503

    embedded.set("VIDEO_VECTOR_BASE_URL", embedded.standin.api_url)
    wiring.instance._made = None
    assert embedded.push(event()) == 200


def broken(markers: Deployed, part: str) -> None:
    """Let the store of records, or the topics, be out of reach from now on."""
    if markers.settings.kind == "embedded":
        blocked = Path(markers.settings.embedded_dir) / f"{part}.sqlite3"
        blocked.parent.mkdir(parents=True, exist_ok=True)
        blocked.mkdir()
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    variable = {"documents": "FIRESTORE_EMULATOR_HOST", "messages": "PUBSUB_EMULATOR_HOST"}[part]
    markers.set(variable, host)


def test_a_store_that_is_down_is_redelivered(
    markers: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its records nothing is sent to VideoVector."""
    monkeypatch.setattr(store, "_STORE_SECONDS", 0.5)
    broken(markers, "documents")

    assert markers.push(event()) == 503

    assert markers.requests(PUT) == 0
    assert [one["event"] for one in lines(capsys)] == ["upsert_marker.retry"]


def test_a_rejection_that_cannot_be_published_is_redelivered(
    markers: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What should be on topic `rejected` is not acknowledged until it is there."""
    monkeypatch.setattr(processing, "PUBLISH_SECONDS", 0.5)
    broken(markers, "messages")

    status, _ = markers.post(b"junk", message_of(event()).attributes)

    assert status == 503


def claim(backend: Backend, data: bytes) -> dict[str, str]:
    """The attributes of a claim check for data in Cloud Storage."""
    assert backend.blobs is not None
    uri = backend.blobs.put("events/e.json", data, "application/json", timeout=10)
    return {**message_of(event()).attributes, "ce-dataref": uri}


def test_data_in_cloud_storage_is_fetched(markers: Deployed) -> None:
    """A claim check has the effect of the event that it stands for."""
    data = json.dumps(event(payload={"pad": "x" * 50})).encode()

    status, _ = markers.post(b"", claim(markers.backend, data))

    assert status == 200
    assert markers.markers() == {"run_1": "red"}


def test_a_claim_check_is_rejected_with_its_data(markers: Deployed) -> None:
    """What is rejected is the data, not the message that refers to it."""
    status, _ = markers.post(b"", claim(markers.backend, b"not JSON"))

    assert status == 200
    (found,) = markers.published("rejected")
    assert found.data == b"not JSON"


def test_a_claim_check_that_cannot_be_read_is_redelivered(markers: Deployed) -> None:
    """A missing object is not a reason to drop the event."""
    attributes = claim(markers.backend, b"{}")
    attributes["ce-dataref"] += "x"

    status, _ = markers.post(b"", attributes)

    assert status == 503
    assert markers.published("rejected") == []


def test_a_claim_that_is_too_large_is_rejected_without_being_fetched(markers: Deployed) -> None:
    """The message says how large the data is, so no memory is spent on it."""
    markers.set("MAX_EVENT_BYTES", "1024")
    attributes = claim(markers.backend, b"{}") | {"ce-datasize": "1025"}
    attributes["ce-dataref"] += "x"  # nothing is there: fetching it would answer 503

    status, _ = markers.post(b"", attributes)

    assert status == 200
    (found,) = markers.published("rejected")
    assert (found.data, found.attributes["code"]) == (b"", "too_large")
    assert found.attributes["dataref"] == attributes["ce-dataref"]
    assert markers.requests(PUT) == 0


@pytest.mark.parametrize("claimed", [False, True], ids=["in the message", "in a bucket"])
def test_data_that_is_too_large_is_rejected_as_it_came(markers: Deployed, *, claimed: bool) -> None:
    """Even where the message does not say its size."""
    markers.set("MAX_EVENT_BYTES", "1024")
    data = json.dumps(event(payload={"pad": "x" * 1024})).encode()
    attributes = claim(markers.backend, data) if claimed else message_of(event()).attributes

    status, _ = markers.post(b"" if claimed else data, attributes)

    assert status == 200
    (found,) = markers.published("rejected")
    assert (found.data, found.attributes["code"]) == (data, "too_large")
    assert markers.requests(PUT) == 0


@pytest.mark.parametrize("claimed", [False, True], ids=["in the message", "in a bucket"])
def test_events_share_the_memory_of_an_instance(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch, *, claimed: bool
) -> None:
    """While others need all of it, an event is redelivered, and its data is not read."""
    monkeypatch.setattr(subscriber, "_WAIT_SECONDS", 0.0)
    large = event(pad="x" * 100_000)
    data = json.dumps(large).encode()
    attributes = claim(embedded.backend, data) if claimed else message_of(large).attributes
    context, _ = wiring.instance.get()

    with context.budget.reserve(context.settings.max_event_bytes - len(data)) as reserved:
        assert reserved
        assert embedded.push(event("evt_0", pad="x" * 101_000)) == 503
        assert embedded.post(b"" if claimed else data, attributes)[0] == (503 if claimed else 200)

    assert embedded.post(b"" if claimed else data, attributes)[0] == 200


def test_no_large_event_makes_small_ones_wait(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest may take a minute; another large one is redelivered, small ones are handled."""
    monkeypatch.setattr(subscriber, "_WAIT_SECONDS", 0.0)
    context, _ = wiring.instance.get()

    with context.budget.reserve(context.settings.max_event_bytes) as reserved:
        assert reserved
        assert embedded.push(event("evt_0", pad="x" * 100_000)) == 503
        assert embedded.push(event()) == 200


@pytest.mark.emulator
def test_a_claim_check_without_a_bucket_is_redelivered(deploy_gcp: Deploy) -> None:
    """Rejecting would not help against a missing setting; the answer names it.

    The embedded backend always has a place for blobs.
    """
    markers = deploy_gcp("upsert_markers")
    markers.automations(RED, GREEN)
    attributes = claim(markers.backend, json.dumps(event()).encode())
    markers.set("CLAIM_BUCKET", "")
    wiring.instance._made = None

    status, body = markers.post(b"", attributes)

    assert status == 503
    assert "CLAIM_BUCKET" in body


@pytest.mark.parametrize("encoded", [False, True], ids=["data", "data_base64"])
def test_structured_events_have_effects_too(embedded: Deployed, *, encoded: bool) -> None:
    """A CloudEvent whose attributes are in its body is the same event."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "//x",
        "type": "com.vectormethods.prompt_run.failed",
        "time": "2026-01-01T00:00:07Z",
    }
    data = event(created_at=None)
    if encoded:
        envelope["data_base64"] = base64.b64encode(json.dumps(data).encode()).decode()
    else:
        envelope["data"] = data
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}

    status, _ = embedded.post(json.dumps(envelope).encode(), headers)

    assert status == 200
    assert embedded.markers() == {"run_1": "red"}
    stamp = embedded.record("marker:run:run_1").fields["created_at"]
    assert stamp == "2026-01-01T00:00:07.000000+00:00"


@pytest.mark.parametrize("text", [None, b"[[automation]]\nname = 5", b"\xff", b"[["])
def test_a_wrong_automations_file_loses_nothing(
    embedded: Deployed, capsys: pytest.CaptureFixture[str], text: bytes | None
) -> None:
    """Events are redelivered until the file is corrected, and a critical line names it."""
    embedded.file.unlink()
    if text is not None:
        embedded.file.write_bytes(text)
    message = message_of(event())

    status, body = embedded.post(message.data, message.attributes)

    assert status == 500
    assert "automations.toml" in body
    (line,) = lines(capsys)
    assert (line["severity"], line["event"]) == ("CRITICAL", "upsert_marker.settings_wrong")
    assert all("automations.toml" in problem for problem in line["problems"])
    embedded.file.write_text(RED, encoding="utf-8")
    assert embedded.push(event()) == 200
    assert embedded.markers() == {"run_1": "red"}


def test_wrong_settings_lose_nothing(
    embedded: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every wrong variable is named at once, and the event is redelivered."""
    embedded.set("API_TIMEOUT_SECONDS", "soon")
    embedded.set("VIDEO_VECTOR_API_KEY", "")
    wiring.instance._made = None

    assert embedded.push(event()) == 500

    (line,) = lines(capsys)
    assert len(line["problems"]) == 2


def test_one_automation_that_is_rejected_does_not_stop_the_next(embedded: Deployed) -> None:
    """Each automation stands for itself."""
    wrong = RED.replace("{event.run_id}", "{event.payload.id}").replace('"red"', '"wrong"')
    embedded.automations(wrong, RED)

    assert embedded.push(event()) == 200

    assert embedded.markers() == {"run_1": "red"}
    (found,) = embedded.published("rejected")
    assert found.attributes["automation"] == "wrong"


def test_of_two_automations_for_one_target_the_first_wins(embedded: Deployed) -> None:
    """An event has one effect on a target: that of the automation that stands first."""
    blue = RED.replace('"red"', '"blue"')
    embedded.automations(blue, RED)

    assert embedded.push(event()) == 200
    assert embedded.push(event()) == 200

    assert embedded.markers() == {"run_1": "blue"}
    assert embedded.requests(PUT) == 1


def test_automations_of_another_action_are_left_alone(embedded: Deployed) -> None:
    """Each function does its own action only."""
    link = '[[automation]]\nname = "l"\non = ["*"]\nissue_signed_url.gcs_uri = "gs://bucket/x"\n'
    embedded.automations(link, RED)

    assert embedded.push(event()) == 200

    assert embedded.published("rejected") == []
    assert embedded.published("media-urls") == []


def test_a_bug_is_redelivered_and_leaks_nothing(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unforeseen exception is a critical line with its trace, cleaned of secrets."""
    key = embedded.standin.keys["write"]

    def bug(*_: object, **__: object) -> None:
        raise ValueError(f"{key} at https://storage.example/x?X-Goog-Signature=abc")

    monkeypatch.setattr(processing, "receive", bug)
    message = message_of(event())

    status, body = embedded.post(message.data, message.attributes)

    assert status == 500
    (line,) = lines(capsys)
    assert (line["severity"], line["event"]) == ("CRITICAL", "upsert_marker.crashed")
    assert "in bug" in line["stack_trace"]
    for text in (body, str(line)):
        assert key not in text
        assert "Signature" not in text


@pytest.mark.parametrize("payload", [None, {}, {"x": 2**63}, {"x": 10**300}, {"x": [[1], {}]}])
def test_odd_payloads_do_no_harm(embedded: Deployed, payload: object) -> None:
    """A payload that is null, or holds numbers of any size, has its effect or is rejected."""
    embedded.automations(RED.replace("with {event.payload}", "{event.run_id}"))

    assert embedded.push(event(payload=payload)) == 200
