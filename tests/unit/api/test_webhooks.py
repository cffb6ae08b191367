"""`api.webhooks`: the request of each method, and the value of its response."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.api_client import client_of
from tests.support.upstream import BASE_URL, Fault, Upstream, json_response
from videovector_bridge.api import NotFound, UnexpectedResponse, Unreachable
from videovector_bridge.api.models import Delivery, NewSecret, SentTest, Webhook
from videovector_bridge.api.webhooks import WebhooksClient

HOOK = {
    "webhook_id": "w1",
    "name": "n",
    "url": "https://r.test/x?token=word",
    "events": ["a.b"],
    "index_ids": ["i1"],
    "status": "paused",
    "failure_count": 3,
    "created_at": "t",
    "metadata": {"k": 1},
    "added_later": {},
}
PARSED = Webhook(
    "w1", "n", "https://r.test/x?token=word", ("a.b",), ("i1",), "paused", 3, "t", {"k": 1}
)
RECORD = {"delivery_id": "d1", "webhook_id": "w1", "event_type": "a.b", "status": "failed"}
PARSED_RECORD = Delivery("d1", "w1", "a.b", "failed")

Use = Callable[[WebhooksClient], object]

# name: use, reply, method, path and query, body (None: none), result
ENDPOINTS: dict[str, tuple[Use, Any, str, str, Any, object]] = {
    "list": (
        lambda client: list(client.list_webhooks()),
        [HOOK],
        "GET",
        "/webhooks",
        None,
        [PARSED],
    ),
    "event_names": (
        lambda client: client.event_names(),
        ["a.b", "c.d", "a.b"],
        "GET",
        "/webhooks/events",
        None,
        ["a.b", "c.d"],
    ),
    "event_names, wrapped": (
        lambda client: client.event_names(),
        {"events": ["a.b"]},
        "GET",
        "/webhooks/events",
        None,
        ["a.b"],
    ),
    "get": (lambda client: client.get("w/1"), HOOK, "GET", "/webhooks/w%2F1", None, PARSED),
    "create": (
        lambda client: client.create(
            name="n", url="https://r.test", events=("a.b",), index_ids=["i"], metadata={"k": 1}
        ),
        HOOK | {"secret": "word"},  # pragma: allowlist secret
        "POST",
        "/webhooks",
        {
            "name": "n",
            "url": "https://r.test",
            "events": ["a.b"],
            "index_ids": ["i"],
            "metadata": {"k": 1},
        },
        (PARSED, NewSecret("w1", "word")),
    ),
    "update": (
        lambda client: client.update("w1", {"index_ids": None, "status": "active"}),
        HOOK,
        "PATCH",
        "/webhooks/w1",
        {"index_ids": None, "status": "active"},
        PARSED,
    ),
    "delete": (
        lambda client: client.delete("w1"),
        {"message": "x"},
        "DELETE",
        "/webhooks/w1",
        None,
        True,
    ),
    "rotate_secret": (
        lambda client: client.rotate_secret("w1"),
        {"webhook_id": "w1", "new_secret": "word"},
        "POST",
        "/webhooks/w1/rotate-secret",
        None,
        NewSecret("w1", "word"),
    ),
    "test": (
        lambda client: client.test("w1"),
        {"success": False, "status_code": 401, "error": "refused\n?sig=deadbeef"},
        "POST",
        "/webhooks/w1/test",
        None,
        SentTest(False, 401, "refused ?[hidden]"),
    ),
    "deliveries": (
        lambda client: list(client.deliveries("w1", status="failed", page_size=7)),
        {"data": [RECORD], "pagination": {"has_more": False}},
        "GET",
        "/webhooks/w1/deliveries?status=failed&limit=7",
        None,
        [PARSED_RECORD],
    ),
    "delivery": (
        lambda client: client.delivery("d1"),
        RECORD,
        "GET",
        "/webhooks/deliveries/d1",
        None,
        PARSED_RECORD,
    ),
    "retry_delivery": (
        lambda client: client.retry_delivery("d1"),
        RECORD,
        "POST",
        "/webhooks/deliveries/d1/retry",
        None,
        PARSED_RECORD,
    ),
}
WRITES = [name for name in ENDPOINTS if ENDPOINTS[name][2] in {"POST", "PATCH"}]


def client(upstream: httpx.BaseTransport) -> WebhooksClient:
    """Return a client of a scripted upstream."""
    return WebhooksClient(client_of(upstream)._transport)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_method_is_one_request(name: str) -> None:
    """Method, path, query and body are the documented ones; the response is parsed."""
    use, reply, method, path, body, result = ENDPOINTS[name]
    upstream = Upstream(json_response(reply))

    assert result == use(client(upstream))
    (request,) = upstream.requests
    assert (method, f"{BASE_URL}{path}") == (request.method, str(request.url))
    assert upstream.bodies == [body] if body is not None else request.content == b""


@pytest.mark.parametrize("name", [name for name in WRITES if name != "rotate_secret"])
def test_a_write_keeps_its_key_after_a_lost_response(name: str) -> None:
    """Every POST and PATCH is retried with the same key; another call has its own."""
    use, reply, *_ = ENDPOINTS[name]
    upstream = Upstream(Fault(httpx.ReadTimeout), json_response(reply), json_response(reply))
    webhooks = client(upstream)

    use(webhooks)
    use(webhooks)
    first, again, other = [request.headers["Idempotency-Key"] for request in upstream.requests]

    assert first == again != other


def test_a_rotation_is_not_retried_while_its_outcome_is_unknown() -> None:
    """The first could take effect after the second; a request without effect is retried."""
    use, reply, *_ = ENDPOINTS["rotate_secret"]
    upstream = Upstream(Fault(httpx.ReadTimeout), json_response(reply))
    with pytest.raises(Unreachable):
        use(client(upstream))
    assert len(upstream.requests) == 1

    upstream = Upstream(
        Fault(httpx.ConnectError), json_response({}, status=429), json_response(reply)
    )
    use(client(upstream))
    assert len({each.headers["Idempotency-Key"] for each in upstream.requests}) == 1


@pytest.mark.parametrize("secret", ["#word", "two words", "line\nbreak", ""])
def test_a_secret_that_does_not_fit_a_line_is_unexpected(secret: str) -> None:
    """One that begins with # would be a comment in the secrets file."""
    upstream = Upstream(json_response({"webhook_id": "w1", "new_secret": secret}))

    with pytest.raises(UnexpectedResponse):
        client(upstream).rotate_secret("w1")


def test_the_callers_key_is_used() -> None:
    """The caller's key outlives the process."""
    upstream = Upstream(json_response({"webhook_id": "w1", "new_secret": "word"}))

    client(upstream).rotate_secret("w1", idempotency_key="ours")

    assert upstream.requests[0].headers["Idempotency-Key"] == "ours"


def test_pages_are_followed() -> None:
    """The rows of every page are parsed."""
    first = {"data": [HOOK], "pagination": {"has_more": True, "next_cursor": "c"}}
    upstream = Upstream(json_response(first), json_response([HOOK]))

    assert list(client(upstream).list_webhooks()) == [PARSED, PARSED]
    assert upstream.requests[1].url.params["cursor"] == "c"


def test_deleting_a_missing_webhook_is_not_an_error() -> None:
    """A 404 in VideoVector's form is a success; any other 404 is an error."""
    upstream = Upstream(
        json_response({"detail": "Webhook not found"}, status=404), json_response(b"", status=404)
    )

    assert client(upstream).delete("w1") is False
    with pytest.raises(NotFound):
        client(upstream).delete("w1")


@pytest.mark.parametrize(
    ("use", "reply"),
    [
        (ENDPOINTS["get"][0], {"webhook_id": "w1"}),
        (ENDPOINTS["list"][0], [{"webhook_id": "", "url": "u", "events": []}]),
        (ENDPOINTS["create"][0], HOOK),
        (ENDPOINTS["create"][0], HOOK | {"secret": "hidden word"}),  # pragma: allowlist secret
        (ENDPOINTS["create"][0], HOOK | {"secret": ""}),
        (ENDPOINTS["rotate_secret"][0], {"new_secret": "hidden-word"}),
        (ENDPOINTS["rotate_secret"][0], {"webhook_id": "w1", "new_secret": ["hidden-word"]}),
        (ENDPOINTS["test"][0], {"success": "yes"}),
        (ENDPOINTS["event_names"][0], [{"name": "a.b"}]),
        (ENDPOINTS["delivery"][0], {"delivery_id": 5, "status": "failed"}),
    ],
)
def test_other_shapes_are_refused_without_their_values(use: Use, reply: Any) -> None:
    """A response of another shape is an error that does not quote it."""
    with pytest.raises(UnexpectedResponse) as caught:
        use(client(Upstream(json_response(reply))))

    assert "hidden" not in str(caught.value)
    shown = "".join(repr(frame) for frame in _locals(caught.value))
    assert "hidden" not in shown


def _locals(error: BaseException) -> list[dict[str, Any]]:
    trace, frames = error.__traceback__, []
    while trace is not None:
        if "/videovector_bridge/" in trace.tb_frame.f_code.co_filename:
            frames.append(trace.tb_frame.f_locals)
        trace = trace.tb_next
    return frames


def test_secrets_and_urls_are_not_in_repr() -> None:
    """Values that may be credentials are hidden."""
    assert "word" not in repr(PARSED)
    assert "word" not in repr(NewSecret("w1", "word"))


def test_without_any_response_the_outcome_is_unknown() -> None:
    """The error says that the request may have taken effect."""
    upstream = Upstream(*[Fault(httpx.ReadTimeout)] * 4)

    with pytest.raises(Unreachable) as caught:
        client(upstream).rotate_secret("w1")

    assert caught.value.outcome_unknown
