"""`api.transport` through the client: key, base URL, redirects, encoding, and the pool."""

import threading

import httpx
import pytest

from tests.support.api_client import KEY, client_of
from tests.support.leaks import SIGNED_URL, assert_no_secret
from tests.support.upstream import BASE_URL, Response, Upstream, json_response
from videovector_bridge.api import CredentialRefused, Redirected, RequestRefused
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.transport import Pool
from videovector_bridge.errors import SettingsError


def test_a_rotated_key_is_used_by_the_next_attempt() -> None:
    """The key is read before each attempt, and blanks around it are not sent."""
    keys = iter(["sk_old\n", " sk_new "])
    upstream = Upstream(Response(status=503), json_response([]))

    list(client_of(upstream, key=lambda: next(keys)).list_markers())

    sent = [request.headers["X-API-Key"] for request in upstream.requests]
    assert sent == ["sk_old", "sk_new"]


@pytest.mark.parametrize("key", ["", "  ", f"{KEY}\n{KEY}", f"{KEY}\x00", f"{KEY} é", "k" * 1001])
def test_a_key_that_no_header_carries_is_not_sent(key: str) -> None:
    """It is refused with advice, before h11 could quote it in an error."""
    with pytest.raises(CredentialRefused, match="VIDEO_VECTOR_API_KEY") as caught:
        list(client_of(Upstream(), key=lambda: key).list_markers())

    assert caught.value.status is None
    assert_no_secret(caught.value)


def test_redirects_are_not_followed() -> None:
    """Not even if the caller's client would: the key must not reach another host."""
    upstream = Upstream(Response(status=307, headers={"Location": SIGNED_URL}))
    http = httpx.Client(transport=upstream, follow_redirects=True)
    client = VideoVectorClient(BASE_URL, lambda: KEY, http=http)

    with pytest.raises(Redirected, match="VIDEO_VECTOR_BASE_URL") as caught:
        client.gif("v1")

    assert upstream.done
    assert_no_secret(caught.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.test",
        "ftp://api.example.test",
        "https://user:pw@api.example.test",
        "https://api.example.test/?",
        "https://api.example.test/?key=x",
        "https://api.example.test/#x",
        "https://",
        "https://h:port",
    ],
)
def test_a_base_url_that_is_not_plain_is_refused(base_url: str) -> None:
    """A secret in it would be in httpx's log of requests."""
    with pytest.raises(SettingsError, match="VIDEO_VECTOR_BASE_URL"):
        VideoVectorClient(base_url, lambda: KEY)


def test_slashes_after_the_base_url_are_ignored() -> None:
    """`…/api/v2/` means `…/api/v2`."""
    upstream = Upstream(json_response([]))
    client = VideoVectorClient(
        BASE_URL + "/", lambda: KEY, http=httpx.Client(transport=upstream), user_agent="tests/1"
    )

    list(client.list_markers())

    (request,) = upstream.requests
    assert str(request.url) == f"{BASE_URL}/markers"
    assert request.headers["User-Agent"] == "tests/1"


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}])
def test_a_body_that_is_not_json_is_refused(body: dict[str, object]) -> None:
    """An automation may compute such a value: the error is permanent and the user's."""
    with pytest.raises(RequestRefused, match="PUT /markers cannot be written as JSON") as caught:
        client_of(Upstream()).upsert_marker(body)

    assert caught.value.owner == "user"


@pytest.mark.parametrize("run_id", ["\ud800", "r" * 70_000])
def test_a_query_that_no_url_can_have_is_refused(run_id: str) -> None:
    """The same rule for values in the query."""
    with pytest.raises(RequestRefused, match="cannot be sent"):
        client_of(Upstream()).playground_search("q", run_id=run_id)


def test_threads_share_one_pool() -> None:
    """The pool opens once for any number of threads, and opens again after `close`."""
    pool = Pool()
    clients: list[httpx.Client] = []
    threads = [threading.Thread(target=lambda: clients.append(pool.client())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(client) for client in clients}) == 1
    pool.close()
    assert clients[0].is_closed
    reopened = pool.client()
    assert reopened is not clients[0]
    pool.close()
    pool.close()


def test_the_callers_client_is_not_closed() -> None:
    """The caller opened it and closes it."""
    http = httpx.Client(transport=Upstream())
    VideoVectorClient(BASE_URL, lambda: KEY, http=http).close()

    assert not http.is_closed
