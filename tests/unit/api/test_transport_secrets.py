"""`api.transport` through the client: no key or signed URL in errors, reprs and logs."""

import logging

import httpx
import pytest

from tests.support.api_client import KEY, client_of
from tests.support.leaks import SIGNED_URL, assert_no_secret
from tests.support.upstream import Fault, Response, Upstream, json_response
from videovector_bridge.api import ApiError, RetryPolicy, UnexpectedResponse

GRANT = json_response({"signed_url": SIGNED_URL, "expires_at": "2026-01-02T04:00:00Z"})


@pytest.mark.parametrize(
    "reply",
    [
        Fault(httpx.ConnectError, f"no route for {KEY} to {SIGNED_URL}"),
        json_response({"error": {"message": f"bad key {KEY}"}}, 401),
        json_response({"detail": f"{SIGNED_URL} is bad"}, 400),
        json_response(f"<p>{KEY} {SIGNED_URL}</p>".encode(), 400),
        json_response({"signed_url": SIGNED_URL}),
        json_response({SIGNED_URL: SIGNED_URL}),
        json_response([SIGNED_URL]),
        json_response(f'{{"signed_url": "{SIGNED_URL}"'.encode()),
        Response([SIGNED_URL.encode(), httpx.ReadError("cut")]),
    ],
    ids=range(9),
)
def test_no_failure_shows_a_key_or_signature(reply: Response | Fault) -> None:
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
        client_of(Upstream(json_response({"signed_url": SIGNED_URL, "note": 1}))).signed_url(
            "gs://b/o"
        )
