"""`ingest.delivery`: which deliveries are VideoVector's, and which events they are."""

import hashlib
import hmac
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

import videovector_bridge
from tests.support.webhooks import SECRET, delivery, signature
from videovector_bridge.backends.limits import check_request
from videovector_bridge.events import MAX_ID_BYTES, Event, Rejection
from videovector_bridge.ingest.delivery import (
    MAX_VALUES,
    Refusal,
    VerifiedDelivery,
    admit,
    decode_delivery,
    message_of,
    source_of,
    verify,
)
from videovector_bridge.webhook_secrets import WebhookSecret, WebhookSecrets

# The vector. Its signature was computed by hand:
# printf '%s' BODY | openssl dgst -sha256 -hmac VECTOR_SECRET        (OpenSSL 3.0.19)
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
VECTOR_BODY = (
    '{"id":"evt_01","event":"prompt_run.completed","data":{"run_id":"run_7","note":"Zürich ✓"},'
    '"created_at":"2026-11-24T02:00:00Z","api_version":"2026-01-01"}'
).encode()
VECTOR_HEX = (
    "22de5360b36f757c4bd9a8ff0d5d175b6ba07f0ac2a38124881d1787773e32ab"  # pragma: allowlist secret
)
VECTOR_SIGNATURE = f"sha256={VECTOR_HEX}"

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOST = "api.example.test"
WHERE: dict[str, Any] = {"api_host": HOST, "lanes": 16}


def secrets_of(*secrets: str, **others: Any) -> WebhookSecrets:
    """Secrets without an end."""
    return WebhookSecrets(tuple(WebhookSecret(secret) for secret in secrets), **others)


def checked(
    body: bytes,
    signature: str | None,
    webhook_id: str | None,
    *,
    secrets: WebhookSecrets,
    now: datetime,
    allowed: Collection[str] = (),
) -> VerifiedDelivery | Refusal:
    """What becomes of a body with these headers: admitted first, then verified."""
    admitted = admit(signature, webhook_id, secrets=secrets, now=now, allowed=allowed)
    if isinstance(admitted, Refusal):
        return admitted
    return verify(admitted, body, secrets=secrets, now=now)


def verified_vector(**changes: Any) -> VerifiedDelivery | Refusal:
    """What becomes of the vector with these changes."""
    arguments: dict[str, Any] = {
        "body": VECTOR_BODY,
        "signature": VECTOR_SIGNATURE,
        "webhook_id": "wh_1",
        "secrets": secrets_of(VECTOR_SECRET),
        "now": NOW,
    }
    return checked(**arguments | changes)


def delivery_of(body: bytes) -> VerifiedDelivery:
    """A delivery of that body."""
    verified = checked(body, signature(body), "wh_1", secrets=secrets_of(SECRET), now=NOW)
    assert isinstance(verified, VerifiedDelivery)
    return verified


def of(body: bytes) -> Event | Rejection:
    """The event or rejection that a signed body is."""
    return decode_delivery(delivery_of(body).body)


def event_of(**fields: Any) -> Event:
    """The event of a delivery with these fields, which must be a good one."""
    decoded = of(delivery(**fields))
    assert isinstance(decoded, Event), decoded
    return decoded


def test_the_vector_is_verified() -> None:
    """A signature made by another program, long ago."""
    verified = verified_vector()

    assert isinstance(verified, VerifiedDelivery)
    assert (verified.body, verified.webhook_id) == (VECTOR_BODY, "wh_1")


@pytest.mark.parametrize("place", [0, 40, len(VECTOR_BODY) // 2, len(VECTOR_BODY) - 1])
def test_every_bit_of_the_body_counts(place: int) -> None:
    """One bit turned anywhere is another body."""
    body = bytearray(VECTOR_BODY)
    body[place] ^= 1

    assert verified_vector(body=bytes(body)) == Refusal(401, "wrong_signature")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        VECTOR_BODY + b"\n",
        b" " + VECTOR_BODY,
        VECTOR_BODY[:-1],
        VECTOR_BODY + b"\x00",
        orjson.dumps(orjson.loads(VECTOR_BODY), option=orjson.OPT_SORT_KEYS),
        VECTOR_BODY.replace(b":", b": "),
    ],
    ids=["empty", "newline", "blank", "short", "nul", "sorted", "spaced"],
)
def test_the_raw_bytes_are_signed(body: bytes) -> None:
    """The same JSON in other bytes is another body."""
    assert verified_vector(body=body) == Refusal(401, "wrong_signature")


@pytest.mark.parametrize(
    "secret", [VECTOR_SECRET[:-1], VECTOR_SECRET + "x", VECTOR_SECRET.upper(), "x"]
)
def test_another_secret_verifies_nothing(secret: str) -> None:
    """Not even one that is nearly right."""
    assert verified_vector(secrets=secrets_of(secret)) == Refusal(401, "wrong_signature")


@pytest.mark.parametrize(
    "changed",
    [
        "",
        VECTOR_HEX,
        f"sha256:{VECTOR_HEX}",
        f"SHA256={VECTOR_HEX}",
        f"sha1={VECTOR_HEX}",
        f"sha512={VECTOR_HEX}",
        f"v1={VECTOR_HEX}",
        f"sha256={VECTOR_HEX[:-1]}",
        f"sha256={VECTOR_HEX[:-2]}",
        f"sha256={VECTOR_HEX}0",
        f"sha256={VECTOR_HEX}00",
        f"sha256={VECTOR_HEX[:-1]}g",
        f"sha256={VECTOR_HEX[:-1]}\u0661",
        f"sha256={VECTOR_HEX[:-1]}\xb2",
        f" {VECTOR_SIGNATURE}",
        f"{VECTOR_SIGNATURE} ",
        f"{VECTOR_SIGNATURE}\n",
        f"sha256= {VECTOR_HEX}",
        f"{VECTOR_SIGNATURE},{VECTOR_SIGNATURE}",
        f"{VECTOR_SIGNATURE}\x00",
        "sha256=" + hmac.digest(VECTOR_SECRET.encode(), VECTOR_BODY, "sha512").hex(),
        "sha1=" + hmac.digest(VECTOR_SECRET.encode(), VECTOR_BODY, "sha1").hex(),
    ],
    ids=ascii,
)
def test_a_signature_in_another_form_is_none(changed: str) -> None:
    """Prefix, length, alphabet and algorithm are as documented, and nothing stands around it."""
    assert verified_vector(signature=changed) == Refusal(401, "malformed_signature")


@pytest.mark.parametrize(
    "changed",
    [
        "0" * 64,
        VECTOR_HEX[::-1],
        VECTOR_HEX[2:] + VECTOR_HEX[:2],
        hashlib.sha256(VECTOR_BODY).hexdigest(),
        hashlib.sha256(VECTOR_SECRET.encode() + VECTOR_BODY).hexdigest(),
        hmac.digest(b"", VECTOR_BODY, "sha256").hex(),
        hmac.digest(VECTOR_BODY, VECTOR_SECRET.encode(), "sha256").hex(),
        hmac.digest(VECTOR_SECRET.encode(), VECTOR_BODY, "sha3_256").hex(),
    ],
)
def test_another_signature_is_wrong(changed: str) -> None:
    """Other sums of the right length do not pass."""
    assert verified_vector(signature=f"sha256={changed}") == Refusal(401, "wrong_signature")


def test_hex_may_be_in_either_case() -> None:
    """Writing it in capitals changes no byte."""
    assert isinstance(verified_vector(signature=f"sha256={VECTOR_HEX.upper()}"), VerifiedDelivery)


def test_a_missing_signature_is_refused() -> None:
    """Who does not sign is not VideoVector."""
    assert verified_vector(signature=None) == Refusal(401, "missing_signature")


@pytest.mark.parametrize("place", range(3))
def test_each_current_secret_verifies(place: int) -> None:
    """Newest, oldest and between: during a rotation the vendor may sign with either."""
    secrets = ["first", "second", "third"]
    secrets[place] = VECTOR_SECRET

    assert isinstance(verified_vector(secrets=secrets_of(*secrets)), VerifiedDelivery)


def test_all_secrets_are_tried_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time does not show which secret is in use: every one is compared, in constant time."""
    compared: list[bytes] = []
    real = hmac.compare_digest

    def watched(ours: bytes, theirs: bytes) -> bool:
        compared.append(ours)
        return real(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for secrets in (secrets_of(VECTOR_SECRET, "b", "c"), secrets_of("a", "b", "c")):
        compared.clear()
        verified_vector(secrets=secrets)
        assert len(compared) == 3


def test_a_secret_ends_to_the_second() -> None:
    """In its grace period an old secret verifies, after it no more."""
    secrets = WebhookSecrets((WebhookSecret("new"), WebhookSecret(VECTOR_SECRET, NOW)))

    assert isinstance(verified_vector(secrets=secrets, now=NOW - SECOND), VerifiedDelivery)
    assert verified_vector(secrets=secrets, now=NOW) == Refusal(401, "wrong_signature")


@pytest.mark.parametrize(
    "secrets",
    [WebhookSecrets(), WebhookSecrets((WebhookSecret(VECTOR_SECRET, NOW),))],
    ids=["none", "ended"],
)
def test_without_a_secret_everything_is_503(secrets: WebhookSecrets) -> None:
    """A delivery that cannot be verified yet may be retried; its body is not read."""
    result = admit(VECTOR_SIGNATURE, "wh_1", secrets=secrets, now=NOW)

    assert result == Refusal(503, "no_secret", retry_after=5)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signature": None}, "missing_signature"),
        ({"signature": "x" * 1_000_000}, "malformed_signature"),
        ({"webhook_id": "\x00"}, "malformed_webhook_id"),
        ({"webhook_id": "wh_2"}, "unknown_webhook"),
    ],
)
def test_headers_are_refused_before_anything_else(changes: dict[str, Any], code: str) -> None:
    """No body, and no secret, is needed to refuse a caller that did not even sign."""
    headers = {"signature": VECTOR_SIGNATURE, "webhook_id": "wh_1"} | changes

    result = admit(**headers, secrets=WebhookSecrets(), now=NOW, allowed={"wh_1"})
    assert result == Refusal(401, code)


def test_the_time_of_a_delivery_is_not_judged() -> None:
    """Nothing signs a time: an old event, delivered late or again, is as good as the first."""
    body = delivery(created_at="1999-01-01T00:00:00Z")

    assert isinstance(of(body), Event)
    assert of(body) == of(body)


def test_during_a_rotation_an_unknown_secret_is_503() -> None:
    """The vendor may sign with a secret that we are about to learn, until the announced time."""
    rotating = secrets_of("old").announce(NOW, 30)

    assert verified_vector(secrets=rotating) == Refusal(503, "rotating", retry_after=1)
    assert verified_vector(secrets=rotating, now=NOW + 30 * SECOND) == Refusal(
        401, "wrong_signature"
    )
    learned = rotating.rotated(VECTOR_SECRET, NOW, 3600)
    assert isinstance(verified_vector(secrets=learned), VerifiedDelivery)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signature": None}, "missing_signature"),
        ({"signature": VECTOR_HEX}, "malformed_signature"),
        ({"allowed": {"wh_2"}}, "unknown_webhook"),
        ({"webhook_id": "two words"}, "malformed_webhook_id"),
    ],
)
def test_a_rotation_excuses_nothing_else(changes: dict[str, Any], code: str) -> None:
    """What no new secret can correct is refused at once."""
    rotating = secrets_of("old").announce(NOW, 30)

    assert verified_vector(secrets=rotating, **changes) == Refusal(401, code)


@pytest.mark.parametrize("webhook_id", ["wh_1", "a", "x" * 200, "~!#/?%"])
def test_without_a_list_any_webhook_may_deliver(webhook_id: str) -> None:
    """Any visible ASCII is an id."""
    verified = verified_vector(webhook_id=webhook_id)

    assert isinstance(verified, VerifiedDelivery)
    assert verified.webhook_id == webhook_id


def test_a_webhook_need_not_say_which_it_is() -> None:
    """Without a list a missing id is `unknown`; with one it is on no list."""
    verified = verified_vector(webhook_id=None)

    assert isinstance(verified, VerifiedDelivery)
    assert verified.webhook_id == "unknown"
    assert verified_vector(webhook_id=None, allowed={"wh_1"}) == Refusal(401, "unknown_webhook")
    assert verified_vector(webhook_id=None, allowed={"unknown"}) == Refusal(401, "unknown_webhook")


@pytest.mark.parametrize("webhook_id", ["", "two words", "x" * 201, "é", "a\nb", "\x7f", " wh_1"])
def test_a_malformed_webhook_id_is_refused(webhook_id: str) -> None:
    """It would stand in an address and in the log."""
    assert verified_vector(webhook_id=webhook_id) == Refusal(401, "malformed_webhook_id")


def test_a_list_lets_in_whom_it_names() -> None:
    """Exactly those, in their exact case."""
    assert isinstance(verified_vector(allowed={"wh_1", "wh_2"}), VerifiedDelivery)
    for allowed in ({"wh_2"}, {"WH_1"}, {"wh_"}, {"wh_11"}):
        assert verified_vector(allowed=allowed) == Refusal(401, "unknown_webhook")


def test_only_verification_builds_a_verified_delivery() -> None:
    """In the whole product; its body is in no repr."""
    result = verified_vector()
    sources = (Path(videovector_bridge.__file__).parent).rglob("*.py")
    built = [file.name for file in sources if "VerifiedDelivery(" in file.read_text("utf-8")]

    assert built == ["delivery.py"]
    assert "evt_01" not in repr(result)
    assert VECTOR_HEX not in repr(
        admit(VECTOR_SIGNATURE, "w", secrets=secrets_of("x" * 9), now=NOW)
    )


def test_the_vector_is_an_event() -> None:
    """Its ids come from `data`, its data is the body byte for byte."""
    verified = verified_vector()
    assert isinstance(verified, VerifiedDelivery)

    assert decode_delivery(verified.body) == Event(
        id="evt_01",
        type="prompt_run.completed",
        created_at="2026-11-24T02:00:00Z",
        segment_id=None,
        video_id=None,
        run_id="run_7",
        index_id=None,
        data=VECTOR_BODY,
    )


def test_all_ids_are_lifted_from_data() -> None:
    """At its top level only."""
    data = {
        **{name: name[0] for name in ("run_id", "video_id", "segment_id", "index_id")},
        "deep": {"run_id": "other"},
    }
    decoded = event_of(data=data)

    assert (decoded.run_id, decoded.video_id, decoded.segment_id, decoded.index_id) == tuple("rvsi")
    assert event_of(data={"deep": data}).run_id is None
    assert event_of(data={}, run_id="outside").run_id is None


def test_numbers_may_be_ids() -> None:
    """A number as an id is a harmless surprise, as on the stream."""
    decoded = event_of(id=5, data={"run_id": 7, "video_id": 2**63})

    assert (decoded.id, decoded.run_id, decoded.video_id) == ("5", "7", str(2**63))


@pytest.mark.parametrize(
    "odd", ["é", "", " x", "x\n", "x" * (MAX_ID_BYTES + 1), {}, [], True, 1.5, 10**30]
)
def test_an_odd_id_in_data_does_not_lose_the_event(odd: object) -> None:
    """It is left out of the attributes, and still stands in the body."""
    body = (
        delivery(data={"run_id": odd, "video_id": "vid_1"})
        if odd != 10**30
        else delivery(data={"run_id": 5, "video_id": "vid_1"}).replace(b":5", b":1" + b"0" * 30)
    )
    decoded = of(body)

    assert isinstance(decoded, Event)
    assert (decoded.run_id, decoded.video_id, decoded.data) == (None, "vid_1", body)


@pytest.mark.parametrize("created_at", [None, 5, "yesterday", {}])
def test_an_odd_time_does_not_lose_the_event(created_at: object) -> None:
    """It is published without a time, as on the stream."""
    decoded = of(delivery(created_at=created_at))

    assert isinstance(decoded, Event)
    made = message_of(delivery_of(decoded.data), decoded, **WHERE)
    assert "ce-time" not in made.attributes


def test_further_keys_and_no_version_are_fine() -> None:
    """The vendor may add to the form, and leave out what it need not have."""
    body = orjson.dumps({"id": "e", "event": "new.kind", "data": {}, "more": [{}]})

    assert isinstance(of(body), Event)


def test_a_test_delivery_is_an_event() -> None:
    """It is published as such; without an id, its bytes give it one."""
    assert event_of(event="test").type == "test"
    for fields in ({"id": None}, {"id": ""}, {"id": None, "data": None}):
        decoded = event_of(event="test", **fields)
        assert decoded.id.startswith("test-")
        assert decoded == event_of(event="test", **fields)
    assert event_of(event="test", id=None).id != event_of(event="test", id=None, second=1).id


MISTAKES = {
    "bad_json": [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b"\xef\xbb\xbf" + delivery(),
        '{"id": "é"}'.encode("utf-16"),
        b'{"id": NaN}',
        delivery() + b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 100_000,
    ],
    "not_an_object": [b"[]", b"null", b'"text"', b"1" * 300],
    "missing_id": [delivery(id=None)],
    "bad_id": [
        delivery(id=""),
        delivery(id="é"),
        delivery(id="x" * (MAX_ID_BYTES + 1)),
        delivery(id={}),
        delivery(id=7).replace(b":7", b":" + b"7" * 30),
    ],
    "missing_event": [delivery(event=None)],
    "bad_event": [delivery(event=" test"), delivery(event=["test"])],
}


@pytest.mark.parametrize("code", MISTAKES)
def test_what_cannot_be_an_event_is_rejected(code: str) -> None:
    """Each mistake has its code; the vendor is the one to correct it."""
    for body in MISTAKES[code]:
        decoded = of(body)

        assert isinstance(decoded, Rejection), body[:100]
        assert (decoded.owner, decoded.code) == ("vendor", code), body[:100]


@pytest.mark.parametrize("data", [None, [], [{"run_id": "r"}], "{}", "", 5, 1.5, True])
def test_data_of_any_type_does_not_lose_the_event(data: object) -> None:
    """`id` and `event` make it an event; without an object no id is lifted."""
    body = delivery(data=data)

    assert of(body) == Event(
        "evt_1", "prompt_run.failed", "2026-01-01T00:00:00.000Z", None, None, None, None, body
    )


def test_unknown_keys_and_missing_data_do_not_lose_the_event() -> None:
    """The smallest event is an id and a type."""
    body = b'{"event":"new.kind","id":"e","payload":{"run_id":"r"}}'

    assert of(body) == Event("e", "new.kind", None, None, None, None, None, body)


@pytest.mark.parametrize(
    ("body", "event_id"),
    [
        (delivery().replace(b"{", b'{"id":"other",', 1), "evt_1"),
        (delivery()[:-1] + b',"id":"last"}', "last"),
        (delivery().replace(b"{", b'{"\\u0069d":"other",', 1), "evt_1"),
        (delivery().replace(b"{", b'{"data":{"run_id":"other"},', 1), "evt_1"),
        (delivery().replace(b'"run_id"', b'"run_id":"other","run_id"'), "evt_1"),
        (delivery().replace(b'"user_id"', b'"a":1,"a":1,"user_id"'), "evt_1"),
    ],
)
def test_with_repeated_keys_no_id_is_lifted(body: bytes, event_id: str) -> None:
    """Readers differ in which value of two they take: the event is published without the ids."""
    decoded = of(body)

    assert isinstance(decoded, Event)
    assert (decoded.id, decoded.run_id, decoded.data) == (event_id, None, body)


def test_repeated_keys_deeper_do_not_matter() -> None:
    """They name nothing that is lifted."""
    body = delivery(data={"run_id": "run_1", "n": {"a": 1}}).replace(b'"a":1', b'"a":1,"a":2')
    decoded = of(body)

    assert isinstance(decoded, Event)
    assert decoded.run_id == "run_1"


TOO_MANY = b'"n":[' + b"[]," * (MAX_VALUES // 2) + b"1],"


def test_too_many_values_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded they take 80 bytes each: what stands before them is read, and nothing is lifted."""
    body = delivery().replace(b'"run_id"', TOO_MANY + b'"run_id"')
    monkeypatch.setattr(orjson, "loads", only_small(orjson.loads))

    assert of(body) == Event("evt_1", "prompt_run.failed", None, None, None, None, None, body)


@pytest.mark.parametrize(
    "body",
    [
        b"{" + TOO_MANY + delivery()[1:],
        delivery().replace(b'"event"', TOO_MANY + b'"event"'),
        b"[" * (MAX_VALUES + 1),
    ],
)
def test_too_many_values_before_id_and_event_are_rejected(body: bytes) -> None:
    """They are not decoded to look for them."""
    decoded = of(body)

    assert isinstance(decoded, Rejection)
    assert (decoded.owner, decoded.code) == ("vendor", "too_complex")


def only_small(real: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """`orjson.loads`, for little."""

    def loads(text: bytes) -> Any:
        assert len(text) < 5_000
        return real(text)

    return loads


@pytest.mark.parametrize("depth", [100, 900, 1_000, 1_020, 1_100, 50_000])
def test_deep_nesting_is_an_event_or_a_rejection(depth: int) -> None:
    """No depth is a crash."""
    deep = b"[" * depth + b"]" * depth
    decoded = of(delivery(data={"deep": 5}).replace(b'"deep":5', b'"deep":' + deep))

    assert isinstance(decoded, Event if depth == 100 else Event | Rejection)


def test_huge_numbers_beside_the_ids_do_no_harm() -> None:
    """They travel byte for byte."""
    body = delivery(data={"n": 5}).replace(b'"n":5', b'"n":' + b"9" * 300)
    decoded = of(body)

    assert isinstance(decoded, Event)
    assert decoded.data == body


def test_the_message_is_a_cloud_event_of_the_webhook() -> None:
    """The attributes of the stream's events, with the webhook as source and channel."""
    body = delivery(data={"run_id": "run_1", "index_id": "idx_1"})
    made = message_of(delivery_of(body), event_of(data=orjson.loads(body)["data"]), **WHERE)

    assert made.data == body
    assert made.attributes == {
        "ce-id": "evt_1",
        "ce-source": "//api.example.test/webhooks/wh_1",
        "ce-specversion": "1.0",
        "ce-type": "com.vectormethods.prompt_run.failed",
        "ce-time": "2026-01-01T00:00:00.000Z",
        "ce-channel": "webhook",
        "ce-subject": "runs/run_1",
        "ce-runid": "run_1",
        "ce-indexid": "idx_1",
        "content-type": "application/json",
    }
    assert made.ordering_key == "lane-07"


def test_the_largest_message_fits_a_request() -> None:
    """Long ids and the largest body that may be allowed are within Pub/Sub's limits."""
    long = "x" * MAX_ID_BYTES
    ids = dict.fromkeys(("run_id", "video_id", "segment_id", "index_id"), long)
    start = delivery(id=long, event=long, data={**ids, "pad": ""})
    body = start.replace(b'"pad":"', b'"pad":"' + b"x" * (9_500_000 - len(start)))
    secrets = secrets_of(SECRET)
    verified = checked(body, signature(body), "%" * 200, secrets=secrets, now=NOW)
    assert isinstance(verified, VerifiedDelivery)
    event = decode_delivery(verified.body)
    assert isinstance(event, Event)

    check_request("events", [message_of(verified, event, **WHERE)])


def test_a_source_is_an_address() -> None:
    """What no path of an address may hold is escaped."""
    verified = verified_vector(webhook_id="a/b?c#d%e<f>")
    assert isinstance(verified, VerifiedDelivery)

    assert source_of(verified, HOST) == "//api.example.test/webhooks/a%2Fb%3Fc%23d%25e%3Cf%3E"
