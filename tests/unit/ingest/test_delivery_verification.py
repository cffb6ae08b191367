"""`ingest.delivery`: which deliveries are admitted and verified."""

import hashlib
import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

import videovector_bridge
from tests.support.signed_deliveries import (
    NOW,
    VECTOR_BODY,
    VECTOR_HEX,
    VECTOR_SECRET,
    VECTOR_SIGNATURE,
    decode_signed,
    secrets_of,
    verified_vector,
)
from tests.support.webhooks import delivery
from videovector_bridge.events import Event
from videovector_bridge.ingest.delivery import (
    Refusal,
    VerifiedDelivery,
    admit,
)
from videovector_bridge.webhook_secrets import WebhookSecret, WebhookSecrets

SECOND = timedelta(seconds=1)


def test_the_vector_is_verified() -> None:
    """A signature made by another program."""
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
    """Prefix, length, alphabet and algorithm are as documented, with nothing around them."""
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
    """Capital letters are the same bytes."""
    assert isinstance(verified_vector(signature=f"sha256={VECTOR_HEX.upper()}"), VerifiedDelivery)


def test_a_missing_signature_is_refused() -> None:
    """VideoVector signs every delivery."""
    assert verified_vector(signature=None) == Refusal(401, "missing_signature")


@pytest.mark.parametrize("place", range(3))
def test_each_current_secret_verifies(place: int) -> None:
    """Newest, oldest and between: during a rotation the vendor may sign with either."""
    secrets = ["first", "second", "third"]
    secrets[place] = VECTOR_SECRET

    assert isinstance(verified_vector(secrets=secrets_of(*secrets)), VerifiedDelivery)


def test_all_secrets_are_tried_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The duration does not show which secret matches: all are compared, in constant time."""
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
    """An old secret verifies until the end of its grace period."""
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
    """No time is signed: an old event, delivered late or twice, is as valid as the first."""
    body = delivery(created_at="1999-01-01T00:00:00Z")

    assert isinstance(decode_signed(body), Event)
    assert decode_signed(body) == decode_signed(body)


def test_during_a_rotation_an_unknown_secret_is_503() -> None:
    """Until the announced time, the vendor may sign with a secret that we do not have yet."""
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
def test_a_rotation_changes_no_other_refusal(changes: dict[str, Any], code: str) -> None:
    """A refusal that no new secret can change is immediate."""
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
    """It would be part of a URI and of the log."""
    assert verified_vector(webhook_id=webhook_id) == Refusal(401, "malformed_webhook_id")


def test_a_list_allows_the_webhooks_it_names() -> None:
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
