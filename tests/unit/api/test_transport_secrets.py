"""`api.transport` through the client: no key or signed URL in errors, reprs and logs."""

import logging

import httpx
import pytest

from tests.support.leaks import SIGNED_URL, assert_no_secret
from tests.unit.api.test_upstream import KEY, Fault, Reply, Upstream, client_of
from videovector_bridge.api import ApiError, RetryPolicy, UnexpectedResponse

GRANT = Reply({"signed_url": SIGNED_URL, "expires_at": "2026-01-02T04:00:00Z"})


@pytest.mark.parametrize(
    "reply",
    [
        Fault(httpx.ConnectError, f"no route for {KEY} to {SIGNED_URL}"),
        Reply(status=401, body={"error": {"message": f"bad key {KEY}"}}),
        Reply(status=400, body={"detail": f"{SIGNED_URL} is bad"}),
        Reply(status=400, body=f"<p>{KEY} {SIGNED_URL}</p>".encode()),
        Reply({"signed_url": SIGNED_URL}),
        Reply({SIGNED_URL: SIGNED_URL}),
        Reply([SIGNED_URL]),
        Reply(f'{{"signed_url": "{SIGNED_URL}"'.encode()),
        Reply(iter([SIGNED_URL.encode(), httpx.ReadError("cut")])),
    ],
    ids=range(9),
)
def test_no_failure_shows_a_key_or_signature(reply: Reply | Fault) -> None:
    """Neither its text, its chain, its attributes nor the locals of the client's frames do."""
    with pytest.raises(ApiError) as caught:
        client_of(Upstream(reply), retry=RetryPolicy(attempts=1)).signed_url("gs://b/o")

    assert_no_secret(caught.value)


def test_no_repr_and_no_log_line_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """URLs, which httpx logs at INFO, have none; results and clients hide theirs."""
    caplog.set_level(logging.DEBUG)
    client = client_of(Upstream(GRANT))

    grant = client.signed_url("gs://b/o")

    assert grant.url == SIGNED_URL
    shown = repr(grant) + repr(client) + repr(client._transport) + caplog.text
    assert "deadbeef" not in shown
    assert KEY not in shown
    assert "/videos/signed-url" in caplog.text


def test_the_error_for_an_unexpected_body_has_its_shape_and_no_values() -> None:
    """The operator sees the shape without the values, which may be secret."""
    with pytest.raises(UnexpectedResponse, match=r"an object with the keys \[signed_url, note\]"):
        client_of(Upstream(Reply({"signed_url": SIGNED_URL, "note": 1}))).signed_url("gs://b/o")
