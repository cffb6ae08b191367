"""`api.errors`: every response but a success is one typed, readable error without secrets."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.api_client import KEY, NOW
from tests.support.upstream import BASE_URL
from videovector_bridge.api import errors
from videovector_bridge.api.errors import (
    ApiError,
    error_from_exception,
    error_from_response,
    needed_scope,
)
from videovector_bridge.errors import BridgeError, PermanentError, TransientError


def response(
    status: int,
    body: Any = b"",
    *,
    method: str = "GET",
    path: str = "/markers",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Return a response to a request with the key."""
    request = httpx.Request(method, BASE_URL + path, headers={"X-API-Key": KEY})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers=headers, request=request)


STATUSES: list[tuple[int, type[ApiError], type[BridgeError], str]] = [
    (301, errors.Redirected, TransientError, "redirected"),
    (400, errors.RequestRefused, PermanentError, "request_refused"),
    (401, errors.CredentialRefused, TransientError, "credential_refused"),
    (402, errors.RequestRefused, PermanentError, "request_refused"),
    (403, errors.ScopeRefused, TransientError, "scope_refused"),
    (404, errors.NotFound, PermanentError, "not_found"),
    (405, errors.RequestRefused, PermanentError, "request_refused"),
    (408, errors.ServerTrouble, TransientError, "server_trouble"),
    (409, errors.Conflict, TransientError, "conflict"),
    (422, errors.ValidationRefused, PermanentError, "validation_refused"),
    (425, errors.ServerTrouble, TransientError, "server_trouble"),
    (429, errors.RateLimited, TransientError, "rate_limited"),
    (500, errors.ServerTrouble, TransientError, "server_trouble"),
    (503, errors.ServerTrouble, TransientError, "server_trouble"),
    (599, errors.ServerTrouble, TransientError, "server_trouble"),
    (200, errors.UnexpectedResponse, PermanentError, "unexpected_answer"),
    (999, errors.UnexpectedResponse, PermanentError, "unexpected_answer"),
]

# body, vendor_code, message, details, request_id
SHAPES: dict[str, tuple[Any, str | None, str, Any, str | None]] = {
    "wrapped, error_code": (
        {"error": {"message": "no", "error_code": "E1", "details": {"a": 1}, "request_id": "r"}},
        "E1",
        "no",
        {"a": 1},
        "r",
    ),
    "wrapped, code": ({"error": {"message": "no", "code": "E1"}}, "E1", "no", None, None),
    "wrapped, id outside": ({"error": {"message": "no"}, "request_id": "r"}, None, "no", None, "r"),
    "flat": (
        {"message": "no", "error_code": "E1", "details": [1], "request_id": "r"},
        "E1",
        "no",
        [1],
        "r",
    ),
    "flat, number": ({"message": "no", "code": 17}, "17", "no", None, None),
    "detail text": ({"detail": "no"}, None, "no", None, None),
    "detail object": ({"detail": {"message": "no", "code": "E1"}}, "E1", "no", None, None),
    "detail wraps error": ({"detail": {"error": {"message": "no"}}}, None, "no", None, None),
    "detail list": (
        {"detail": [{"loc": ["body", "note"], "msg": "too long"}, {"msg": "odd"}, 3]},
        None,
        "body.note: too long; odd; 3",
        [{"loc": ["body", "note"], "msg": "too long"}, {"msg": "odd"}, 3],
        None,
    ),
    "error text": ({"error": "no"}, None, "no", None, None),
    "empty": (b"", None, "", None, None),
    "page": (b"<html><body>Bad\ngateway</body></html>", None, "", None, None),
    "not UTF-8": (b"\xff\xfe", None, "", None, None),
    "null": (None, None, "", None, None),
    "list": ([{"message": "no"}], None, "", None, None),
    "other object": ({"message": 5, "error_code": True}, None, "", None, None),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("status", "kind", "fate", "code"), STATUSES)
def test_every_status_in_every_shape(
    status: int, kind: type[ApiError], fate: type[BridgeError], code: str, shape: str
) -> None:
    """The status alone decides the type; the body, in any shape, has the text."""
    body, vendor_code, message, details, request_id = SHAPES[shape]

    error = error_from_response(response(status, body), now=NOW)

    assert type(error) is kind
    assert isinstance(error, fate)
    assert error.code == code
    assert (error.status, error.method, error.path) == (status, "GET", "/api/v2/markers")
    assert (error.vendor_code, error.message) == (vendor_code, message)
    assert error.details == details
    assert error.request_id == request_id
    assert message in str(error)
    assert f"GET /api/v2/markers returned {status}" in str(error)


def test_a_permanent_error_names_its_owner() -> None:
    """A rejected message names who can correct it."""
    owners = {}
    for status in (400, 404, 422, 200):
        error = error_from_response(response(status), now=NOW)
        assert isinstance(error, PermanentError)
        owners[status] = error.owner

    assert owners == {400: "user", 404: "user", 422: "user", 200: "vendor"}


def test_the_error_for_a_refused_key_has_advice() -> None:
    """The message has the request, the response and the advice."""
    error = error_from_response(
        response(401, {"error": {"message": "Unknown key", "code": "bad_key"}}), now=NOW
    )

    assert str(error) == (
        "VideoVector refused the API key: GET /api/v2/markers returned 401 (bad_key: Unknown key). "
        "Check VIDEO_VECTOR_API_KEY, or the secret that VIDEO_VECTOR_API_KEY_FILE names."
    )


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/markers", "read"),
        ("PUT", "/markers", "write"),
        ("DELETE", "/markers/m", "admin"),
        ("POST", "/videos/batch/segments", "read"),
        ("POST", "/videos/signed-url", "read"),
        ("POST", "/playground/search", "search"),
        ("POST", "/search/filter/playground", "search"),
        ("GET", "/processing/events/stream", "read"),
    ],
)
def test_a_refused_scope_names_the_one_needed(method: str, path: str, scope: str) -> None:
    """The error for a 403 names the missing scope."""
    assert scope == needed_scope(method, "/api/v2" + path)
    assert f"`{scope}`" in str(error_from_response(response(403, method=method, path=path)))


def test_the_request_id_of_the_header_is_preferred() -> None:
    """`X-Request-Id`, which the vendor's support needs, is in the message."""
    body = {"error": {"message": "no", "request_id": "body"}}

    error = error_from_response(response(500, body, headers={"X-Request-Id": "head"}), now=NOW)

    assert error.request_id == "head"
    assert "Request id head." in str(error)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7"}, {}, 7.0),
        ({"Retry-After": "Fri, 02 Jan 2026 03:05:05 GMT"}, {}, 60.0),
        ({"Retry-After": "7"}, {"retry_after": 9}, 7.0),
        ({"Retry-After": "later"}, {"retry_after": 9}, 9.0),
        ({}, {"error": {"message": "x", "retry_after": 2.5}}, 2.5),
        ({}, {"error": {"message": "x", "details": {"retry_after": "3"}}}, 3.0),
        ({}, {"error": {"message": "x"}, "retry_after": 4}, 4.0),
        ({}, {"detail": {"message": "x", "retry_after": -4}}, 0.0),
        ({}, {"retry_after": True}, None),
        ({}, {"retry_after": [1]}, None),
        ({}, b'{"retry_after": 1e999}', None),
        ({}, {}, None),
    ],
)
def test_retry_after_comes_from_header_or_body(
    headers: dict[str, str], body: Any, seconds: float | None
) -> None:
    """The header is preferred if it can be parsed; else the body's `retry_after`, at any level."""
    error = error_from_response(response(429, body, headers=headers), now=NOW)

    assert error.retry_after == seconds


def test_a_date_is_measured_from_the_system_clock_by_default() -> None:
    """Without `now`, a date in the far future is still a positive wait."""
    date = f"Fri, 02 Jan {datetime.now(UTC).year + 5} 03:05:05 GMT"

    wait = error_from_response(response(429, headers={"Retry-After": date})).retry_after

    assert wait is not None
    assert wait > 3 * 365 * 86400


def test_text_from_outside_is_bounded_and_clean() -> None:
    """The message has no key, no signature, no control character, and no megabyte."""
    url = "https://storage.googleapis.com/b/o?X-Goog-Signature=deadbeef"
    body = {
        "message": f"{KEY}\n{url} " + "x" * 10**6,
        "code": "c" * 1000,
        "details": {"signed_url": url, "input": url, "echo": f"key {KEY}"},
    }

    error = error_from_response(
        response(422, body, path=f"/markers?u={KEY}", headers={"X-Request-Id": "q" * 999}), now=NOW
    )

    shown = repr(error) + str(error) + repr(vars(error))
    assert KEY not in shown
    assert "deadbeef" not in shown
    assert len(error.message) <= 300
    assert len(error.request_id or "") <= 128
    assert len(str(error)) < 1200
    assert error.path == "/api/v2/markers"
    assert "\n" not in str(error)


def test_a_proxys_page_is_quoted_in_the_sentence_only() -> None:
    """`message` has VideoVector's text only; the operator still sees the body in the sentence."""
    error = error_from_response(response(502, b"<h1>Bad\r\nGateway</h1>"), now=NOW)

    assert error.message == ""
    assert "(<h1>Bad Gateway</h1>)" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "outcome_unknown"),
    [
        (500, {"error": {"message": "bug"}}, False),
        (503, {"detail": "busy"}, False),
        (503, {"error_code": "busy"}, False),
        (503, b"upstream connect error or disconnect/reset before headers", True),
        (500, b"", True),
        (502, {"error": {"message": "bad gateway"}}, True),
        (504, {"error": {"message": "timeout"}}, True),
        (524, b"", True),
        (408, b"", True),
        (429, b"", False),
        (409, b"", False),
        (422, b"", False),
        (401, b"", False),
        (307, b"", False),
        (200, b"", False),
    ],
)
def test_after_a_gateway_gives_up_the_outcome_is_unknown(
    status: int, body: Any, *, outcome_unknown: bool
) -> None:
    """The outcome is known only from VideoVector's own body or from a refusal."""
    assert error_from_response(response(status, body), now=NOW).outcome_unknown is outcome_unknown


@pytest.mark.parametrize(
    ("kind", "outcome_unknown"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.PoolTimeout, False),
        (httpx.ProxyError, False),
        (httpx.WriteTimeout, True),
        (httpx.WriteError, True),
        (httpx.ReadTimeout, True),
        (httpx.ReadError, True),
        (httpx.RemoteProtocolError, True),
        (httpx.DecodingError, True),
    ],
)
def test_the_outcome_of_a_request_that_was_sent_is_unknown(
    kind: type[httpx.RequestError], *, outcome_unknown: bool
) -> None:
    """Without a connection nothing has happened; with one, the request may have had an effect."""
    request = httpx.Request("PUT", BASE_URL + "/markers")

    assert error_from_exception(kind("x"), request).outcome_unknown is outcome_unknown


def test_a_body_that_was_not_read_is_not_needed() -> None:
    """A streamed response gives its error without its body."""
    request = httpx.Request("GET", BASE_URL + "/processing/events/stream?run_id=r")
    streamed = httpx.Response(503, stream=httpx.ByteStream(b"x"), request=request)

    error = error_from_response(streamed, now=NOW)

    assert isinstance(error, errors.ServerTrouble)
    assert error.path == "/api/v2/processing/events/stream"


def test_a_response_without_a_request_is_accepted() -> None:
    """A response that was created by hand has no method and no path."""
    assert error_from_response(httpx.Response(404), now=NOW).method == "?"


def test_an_httpx_exception_becomes_unreachable_without_secrets() -> None:
    """The message has the type and text of the exception, but not the key that it may quote."""
    request = httpx.Request("PUT", BASE_URL + "/markers", headers={"X-API-Key": KEY})
    error = error_from_exception(httpx.LocalProtocolError(f"Illegal value b'{KEY}'"), request)

    assert isinstance(error, errors.Unreachable)
    assert isinstance(error, TransientError)
    assert "PUT /api/v2/markers (LocalProtocolError: Illegal value" in str(error)
    assert KEY not in str(error)
    assert error.status is None
