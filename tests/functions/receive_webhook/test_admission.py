"""The checks of `receive_webhook` before it reads a body."""

from typing import Any

import pytest

from tests.support.log_lines import only_log_line
from tests.support.webhooks import Deployment, delivery, headers, signature
from videovector_bridge.byte_budget import ByteBudget


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"X_Webhook_Signature": None}, "missing_signature"),
        ({"X_Webhook_Signature": "sha256=00"}, "malformed_signature"),
        ({"X_Webhook_Signature": signature(delivery(), "other")}, "wrong_signature"),
        ({"X_Webhook_ID": "wh_2"}, "unknown_webhook"),
        ({"X_Webhook_ID": None}, "unknown_webhook"),
        ({"X_Webhook_ID": "two words"}, "malformed_webhook_id"),
    ],
    ids=str,
)
def test_unauthenticated_callers_learn_nothing(
    embedded: Deployment,
    changes: dict[str, str | None],
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same 401, byte for byte, for all of them; the reason is in the log."""
    embedded.set(WEBHOOK_IDS="wh_1")
    response = embedded.post(delivery(), **changes)
    line = only_log_line(capsys)

    assert (response.status_code, response.data) == (401, b'{"error":"unauthorized"}')
    assert (line["severity"], line["event"], line["code"]) == ("WARNING", "webhook.refused", code)
    assert embedded.nothing_published()
    assert embedded.post(delivery()).status_code == 204


def test_the_largest_body_is_accepted_and_no_larger(embedded: Deployment) -> None:
    """413 from the first byte beyond the limit, signed or not."""
    embedded.set(MAX_WEBHOOK_BYTES="2000")
    start = len(delivery(pad=""))
    fits, too_large = (delivery(pad="x" * (size - start)) for size in (2_000, 2_001))

    assert embedded.post(fits).status_code == 204
    assert embedded.post(too_large).status_code == 413
    assert len(embedded.published("events", 2)) == 1


class Unread:
    """A body that counts how often it is read."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self, _size: int = -1) -> bytes:
        """Nothing."""
        self.asked += 1
        return b""


@pytest.mark.parametrize(
    ("changes", "length", "status"),
    [
        ({}, None, 411),
        ({}, "", 411),
        ({"Transfer_Encoding": "chunked"}, None, 411),
        ({"Transfer_Encoding": "chunked"}, "10", 411),
        ({"Transfer_Encoding": "gzip, chunked"}, "10", 411),
        ({}, "5000001", 413),
        ({}, str(10**12), 413),
        ({}, "9" * 100_000, 413),
        *(({}, length, 400) for length in ("-1", "+5", "5,6", "ten", "0x10", "\u0665", "5 ")),
        ({"X_Webhook_Signature": None}, "10", 401),
        ({"X_Webhook_Signature": ""}, "10", 401),
        ({"X_Webhook_Signature": "sha256=" + "0" * 63}, "10", 401),
        ({"X_Webhook_Signature": "sha256=" + "\xe9" * 64}, "10", 401),
        ({"X_Webhook_Signature": f"{signature(b'')},{signature(b'')}"}, "10", 401),
        ({"X_Webhook_Signature": "x" * 1_000_000}, "10", 401),
        ({"X_Webhook_ID": "wh_2"}, "10", 401),
        ({"X_Webhook_ID": None}, "10", 401),
        ({"X_Webhook_ID": "\xff"}, "10", 401),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_a_request_that_is_not_admitted_is_not_read(
    embedded: Deployment, changes: dict[str, str | None], length: str | None, status: int
) -> None:
    """Length, then signature header, then webhook: after any failure, not one byte is read."""
    embedded.set(WEBHOOK_IDS="wh_1")
    body = Unread()
    environ: dict[str, Any] = {"wsgi.input": body, "wsgi.input_terminated": True}
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    response = embedded.app.test_client().post(
        "/", headers=headers(b"", **changes), environ_overrides=environ
    )

    assert (response.status_code, body.asked) == (status, 0)


def test_the_order_of_admission(embedded: Deployment) -> None:
    """Checks run in the order of their cost: method, length, signature, webhook, budget."""
    embedded.set(WEBHOOK_IDS="wh_1", MAX_WEBHOOK_BYTES="2000")
    embedded.change(budget=ByteBudget(0))
    body = Unread()
    faults: list[tuple[int, dict[str, Any]]] = [
        (405, {"method": "GET"}),
        (413, {"length": "2001"}),
        (401, {"X_Webhook_Signature": "none"}),
        (401, {"X_Webhook_ID": "wh_2"}),
        (503, {}),
    ]
    for at, (status, _) in enumerate(faults):
        changes = {name: value for _, each in faults[at:] for name, value in each.items()}
        method, length = changes.pop("method", "POST"), changes.pop("length", "10")
        response = embedded.app.test_client().open(
            "/",
            method=method,
            headers=headers(b"", **changes),
            environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": length},
        )
        assert (response.status_code, body.asked) == (status, 0)


@pytest.mark.parametrize("text", ["a\x1b[31mb", "x" * 5_000, "sk_live_hidden-word", "\xff\xfe"])
def test_headers_are_logged_clean(
    embedded: Deployment, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headers of unauthenticated callers are logged short, printable and without keys."""
    embedded.post(delivery(), X_Delivery_ID=text, X_Webhook_ID=text, X_Webhook_Signature=None)
    line = only_log_line(capsys)

    for name in ("delivery_id", "webhook_id"):
        assert len(line[name]) <= 200
        assert line[name].isprintable()
        assert "hidden-word" not in line[name]
