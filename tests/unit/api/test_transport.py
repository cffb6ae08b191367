"""`api.transport` through the client: retries, keys, limits, and what never leaks."""

import gzip
import itertools
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import TracebackType

import httpx
import pytest

from tests.unit.api.test_upstream import BASE_URL, KEY, Clock, Fault, Reply, Upstream, client_of
from videovector_bridge.api import (
    ApiError,
    CredentialRefused,
    RateLimited,
    Redirected,
    RequestRefused,
    ResponseTooLarge,
    RetryPolicy,
    ServerTrouble,
    UnexpectedResponse,
    Unreachable,
    VideoVectorClient,
    calls,
    transport,
)
from videovector_bridge.errors import SettingsError

SIGNED = "https://storage.googleapis.com/b/o?X-Goog-Signature=deadbeefcafe"
GRANT = Reply({"signed_url": SIGNED, "expires_at": "2026-01-02T04:00:00Z"})
API_DIR = Path(transport.__file__).parent


def frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the frames of a traceback that are the bridge's."""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).is_relative_to(API_DIR):
            yield trace
        trace = trace.tb_next


def assert_harmless(error: BaseException) -> None:
    """Assert that neither text, chain nor any local of our frames shows a key or signature."""
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    shown += "".join(repr(frame.tb_frame.f_locals) for frame in frames(error.__traceback__))

    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in shown
    assert "deadbeef" not in shown


@pytest.mark.parametrize(
    "fault",
    [
        Fault(httpx.ConnectError),
        Fault(httpx.ConnectTimeout),
        Fault(httpx.ReadTimeout),
        Fault(httpx.ReadError),
        Fault(httpx.RemoteProtocolError),
        Reply(status=429),
        Reply(status=500),
        Reply(status=502),
        Reply(status=503),
        Reply(status=504),
        Reply(status=408),
        Reply(body=iter([b"[", httpx.ReadError("cut off")])),
        Reply(b"no gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda given: str(given).partition(" object at")[0],
)
def test_passing_trouble_is_retried(fault: Fault | Reply) -> None:
    """No answer, a broken answer, 429 and the passing 5xx are asked again, after full jitter."""
    upstream = Upstream(fault, Reply([]))
    clock = Clock()

    assert list(client_of(upstream, clock=clock).list_markers()) == []
    assert upstream.done()
    assert clock.naps == [0.25]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 409, 422, 501, 505])
def test_lasting_trouble_is_not_retried(status: int) -> None:
    """What another attempt cannot mend is raised at once."""
    upstream = Upstream(Reply(status=status))

    with pytest.raises(ApiError) as caught:
        list(client_of(upstream).list_markers())

    assert caught.value.status == status
    assert upstream.done()


def test_a_post_that_is_not_marked_safe_is_sent_once() -> None:
    """A lost answer to a write without an idempotency key is not asked for again."""
    upstream = Upstream(Fault())

    with pytest.raises(Unreachable):
        client_of(upstream)._transport.send(calls.Call("POST", "/anything", body={}))

    assert upstream.done()


def test_retry_after_is_waited_for() -> None:
    """The server's wish, as seconds or as a date, is waited for if it is longer than jitter."""
    upstream = Upstream(
        Reply(status=429, headers={"Retry-After": "3"}),
        Reply(status=503, headers={"Retry-After": "Fri, 02 Jan 2026 03:04:10 GMT"}),
        Reply([]),
    )
    clock = Clock()

    list(client_of(upstream, clock=clock).list_markers())

    assert clock.naps == [3.0, 5.0]


def test_a_wish_beyond_the_budget_is_raised_at_once() -> None:
    """The caller learns how long to stay away, and no time is lost."""
    upstream = Upstream(Reply(status=429, headers={"Retry-After": "60"}))
    clock = Clock()

    with pytest.raises(RateLimited) as caught:
        list(client_of(upstream, clock=clock).list_markers())

    assert caught.value.retry_after == 60.0
    assert clock.naps == []


def test_attempts_run_out() -> None:
    """The last error is raised as itself."""
    upstream = Upstream(Fault(), Fault(), Reply(status=503))

    with pytest.raises(ServerTrouble):
        list(client_of(upstream, retry=RetryPolicy(attempts=3)).list_markers())

    assert upstream.done()


def test_doubt_may_forbid_another_attempt() -> None:
    """Where order matters, nothing follows a request that may still take effect."""
    policy = RetryPolicy(retry_unknown_outcome=False)
    busy = Reply({"detail": "busy"}, status=503)
    upstream = Upstream(Fault(httpx.ConnectError), busy, Fault(httpx.ReadTimeout))

    with pytest.raises(Unreachable) as caught:
        client_of(upstream, retry=policy).upsert_marker({})

    assert caught.value.outcome_unknown
    assert upstream.done()


READS: dict[str, Callable[[VideoVectorClient], object]] = {
    "get": lambda client: list(client.list_markers()),
    "image": lambda client: client.gif("v"),
    "batch": lambda client: client.batch_videos(["v"]),
    "search": lambda client: client.playground_search("cats"),
    "filter search": lambda client: list(client.playground_filter_search([{}])),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_is_retried_though_its_answer_was_lost(
    read: Callable[[VideoVectorClient], object],
) -> None:
    """Where doubt forbids to repeat effects, calls that change nothing are repeated."""
    lost = (Fault(httpx.ReadTimeout), Reply(status=502), Reply(iter([httpx.ReadError("cut off")])))
    image = Reply(b"GIF89a", headers={"Content-Type": "image/gif"})
    upstream = Upstream(*lost, image if read is READS["image"] else Reply([]))

    read(client_of(upstream, retry=RetryPolicy(retry_unknown_outcome=False)))

    assert upstream.done()


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("fault", [Fault(httpx.ReadTimeout), Reply(status=504)], ids=range(2))
def test_a_read_that_fails_is_never_in_doubt(
    read: Callable[[VideoVectorClient], object], fault: Fault | Reply
) -> None:
    """Nothing of it can take effect later, so the caller has nothing to wait for."""
    with pytest.raises(ApiError) as caught:
        read(client_of(Upstream(fault), retry=RetryPolicy(attempts=1)))

    assert not caught.value.outcome_unknown


def test_reads_end_within_their_budget() -> None:
    """They are repeated no longer than any call."""
    upstream = Upstream(*[Fault(httpx.ReadTimeout)] * 4)
    clock = Clock()
    policy = RetryPolicy(budget_seconds=3.0, base=1.0, retry_unknown_outcome=False)

    with pytest.raises(Unreachable):
        list(client_of(upstream, clock=clock, retry=policy).list_markers())

    assert clock.naps == [1.0]
    assert len(upstream.requests) == 2


def test_doubt_outlasts_a_later_attempt() -> None:
    """A refusal of the second attempt says nothing of the first."""
    upstream = Upstream(Fault(httpx.ReadTimeout), Reply(status=401))

    with pytest.raises(CredentialRefused) as caught:
        client_of(upstream).upsert_marker({})

    assert caught.value.outcome_unknown


def test_without_doubt_a_failure_is_known() -> None:
    """A connection that was never made has no effect to come."""
    upstream = Upstream(Fault(), Fault())

    with pytest.raises(Unreachable) as caught:
        client_of(upstream, retry=RetryPolicy(attempts=2)).upsert_marker({})

    assert not caught.value.outcome_unknown


def test_the_budget_limits_waits_and_timeouts() -> None:
    """A request gets no more time than the call has, and a longer Retry-After is not waited for."""
    upstream = Upstream(Reply(status=503, headers={"Retry-After": "3"}))

    with pytest.raises(ServerTrouble):
        list(client_of(upstream, retry=RetryPolicy(budget_seconds=2.0)).list_markers())

    (request,) = upstream.requests
    assert request.extensions["timeout"] == dict.fromkeys(("connect", "read", "write", "pool"), 2.0)


def test_the_timeout_of_an_attempt_is_what_is_left() -> None:
    """Later attempts get less time, so that the call ends within its budget."""
    upstream = Upstream(Reply(status=503, headers={"Retry-After": "15"}), Reply([]))

    list(client_of(upstream).list_markers())

    timeouts = [request.extensions["timeout"]["read"] for request in upstream.requests]
    assert timeouts == [10.0, 5.0]


def test_a_body_that_trickles_is_ended() -> None:
    """Bytes that keep coming, each in time, do not outlast the budget."""
    clock = Clock()

    def trickle() -> Iterator[bytes]:
        while True:
            clock.seconds += 3
            yield b" "

    with pytest.raises(Unreachable, match="did not end in time"):
        list(client_of(Upstream(Reply(trickle())), clock=clock).list_markers())

    assert clock.seconds == pytest.approx(1021)


def test_a_lost_answer_is_asked_for_with_the_same_idempotency_key() -> None:
    """The vendor can tell a retry from a second wish; the next call has another key."""
    upstream = Upstream(Fault(httpx.ReadTimeout), Reply(status=502), GRANT, GRANT)
    client = client_of(upstream)

    client.signed_url("gs://b/o", force_refresh=True)
    client.signed_url("gs://b/o", force_refresh=True)

    keys = [request.headers["Idempotency-Key"] for request in upstream.requests]
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


def test_a_rotated_key_is_used_by_the_next_attempt() -> None:
    """The key is asked for before each attempt, and blanks around it are not sent."""
    keys = iter(["sk_old\n", " sk_new "])
    upstream = Upstream(Reply(status=503), Reply([]))

    list(client_of(upstream, key=lambda: next(keys)).list_markers())

    sent = [request.headers["X-API-Key"] for request in upstream.requests]
    assert sent == ["sk_old", "sk_new"]


@pytest.mark.parametrize("key", ["", "  ", f"{KEY}\n{KEY}", f"{KEY}\x00", f"{KEY} é", "k" * 1001])
def test_a_key_that_no_header_carries_is_not_sent(key: str) -> None:
    """It is refused with advice, before h11 could quote it in an error."""
    with pytest.raises(CredentialRefused, match="VIDEO_VECTOR_API_KEY") as caught:
        list(client_of(Upstream(), key=lambda: key).list_markers())

    assert caught.value.status is None
    assert_harmless(caught.value)


def test_redirects_are_not_followed() -> None:
    """Not even if the client that was given would: the key must not reach another host."""
    upstream = Upstream(Reply(status=307, headers={"Location": SIGNED}))
    http = httpx.Client(transport=upstream, follow_redirects=True)
    client = VideoVectorClient(BASE_URL, lambda: KEY, http=http)

    with pytest.raises(Redirected, match="VIDEO_VECTOR_BASE_URL") as caught:
        client.gif("v1")

    assert upstream.done()
    assert_harmless(caught.value)


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
    """Anything secret in it would be in httpx's log of requests."""
    with pytest.raises(SettingsError, match="VIDEO_VECTOR_BASE_URL"):
        VideoVectorClient(base_url, lambda: KEY)


def test_slashes_after_the_base_url_do_no_harm() -> None:
    """`…/api/v2/` is as good as `…/api/v2`."""
    upstream = Upstream(Reply([]))
    client = VideoVectorClient(
        BASE_URL + "/", lambda: KEY, http=httpx.Client(transport=upstream), user_agent="tests/1"
    )

    list(client.list_markers())

    (request,) = upstream.requests
    assert str(request.url) == f"{BASE_URL}/markers"
    assert request.headers["User-Agent"] == "tests/1"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000000000000"}], ids=len)
@pytest.mark.parametrize(("read", "mebibytes"), [("get", 8), ("batch", 8), ("search", 32)])
def test_json_beyond_the_limit_is_refused(
    headers: dict[str, str], read: str, mebibytes: int
) -> None:
    """It stops reading at the limit, and does not ask for the same again."""
    pulled = 0

    def endless() -> Iterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b" " * 1024 * 1024

    with pytest.raises(ResponseTooLarge, match=f"{mebibytes * 1024 * 1024} bytes") as caught:
        READS[read](client_of(Upstream(Reply(endless(), headers=headers))))

    assert pulled == mebibytes + 1
    assert caught.value.owner == "vendor"


def test_an_answer_about_one_object_is_small() -> None:
    """It is read to 256 KiB, for an instance may wait for many such answers at once."""
    pulled = 0

    def endless() -> Iterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b" " * 1024

    with pytest.raises(ResponseTooLarge, match="262144 bytes"):
        client_of(Upstream(Reply(endless()))).signed_url("gs://bucket/a")

    assert pulled == 257


def test_media_beyond_the_limit_is_refused() -> None:
    """Images may be larger than JSON, to 64 MiB."""
    piece = b" " * 1024 * 1024
    headers = {"Content-Type": "image/gif"}
    upstream = Upstream(
        Reply((piece for _ in range(64)), headers=headers),
        Reply((piece for _ in range(65)), headers=headers),
    )
    client = client_of(upstream)

    assert len(client.gif("v").content) == 64 * 1024 * 1024
    with pytest.raises(ResponseTooLarge):
        client.gif("v")


ENDLESS = b" " * 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        lambda: itertools.repeat(ENDLESS),
        lambda: iter([b'{"marker_id"', httpx.ReadError("cut off")]),
        lambda: iter([httpx.ReadTimeout("silence")]),
    ],
    ids=["too large", "broken off", "timeout"],
)
def test_where_the_status_suffices_no_body_makes_it_a_failure(
    body: Callable[[], Iterator[bytes | Exception]],
) -> None:
    """A marker that is set, or deleted, stays so: it is neither refused nor in doubt."""
    upstream = Upstream(Reply(body()), Reply(body()))
    client = client_of(upstream)

    assert client.upsert_marker({}).marker_id is None
    assert client.delete_marker("m_1")
    assert upstream.done()


def test_a_compressed_bomb_is_refused() -> None:
    """The limit counts what a body unpacks to."""
    bomb = gzip.compress(b" " * 40 * 1024 * 1024)

    with pytest.raises(ResponseTooLarge):
        client_of(Upstream(Reply(bomb, headers={"Content-Encoding": "gzip"}))).batch_videos(["v"])


def test_a_large_or_broken_error_body_does_not_hide_the_status() -> None:
    """An error's body is read to 64 KiB, and as far as it comes."""
    upstream = Upstream(
        Reply((b"x" * 65536 for _ in range(10**9)), status=404),
        Reply(iter([b"half", httpx.ReadError("cut")]), status=401),
    )
    client = client_of(upstream)

    for status in (404, 401):
        with pytest.raises(ApiError) as caught:
            client.gif("v")
        assert caught.value.status == status


@pytest.mark.parametrize(
    "reply",
    [
        Fault(httpx.ConnectError, f"no route for {KEY} to {SIGNED}"),
        Reply(status=401, body={"error": {"message": f"bad key {KEY}"}}),
        Reply(status=400, body={"detail": f"{SIGNED} is bad"}),
        Reply(status=400, body=f"<p>{KEY} {SIGNED}</p>".encode()),
        Reply({"signed_url": SIGNED}),
        Reply({SIGNED: SIGNED}),
        Reply([SIGNED]),
        Reply(f'{{"signed_url": "{SIGNED}"'.encode()),
        Reply(iter([SIGNED.encode(), httpx.ReadError("cut")])),
    ],
    ids=range(9),
)
def test_no_failure_shows_a_key_or_signature(reply: Reply | Fault) -> None:
    """Neither its text, its chain, its attributes nor the locals of our frames do."""
    with pytest.raises(ApiError) as caught:
        client_of(Upstream(reply), retry=RetryPolicy(attempts=1)).signed_url("gs://b/o")

    assert_harmless(caught.value)


def test_no_repr_and_no_log_line_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Addresses, which httpx logs at INFO, hold none; results and clients hide theirs."""
    caplog.set_level(logging.DEBUG)
    client = client_of(Upstream(GRANT))

    grant = client.signed_url("gs://b/o")

    assert grant.url == SIGNED
    shown = repr(grant) + repr(client) + repr(client._transport) + caplog.text
    assert "deadbeef" not in shown
    assert KEY not in shown
    assert "/videos/signed-url" in caplog.text


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}])
def test_a_body_that_is_no_json_is_refused(body: dict[str, object]) -> None:
    """An automation may compute such a value: it is permanent and the user's."""
    with pytest.raises(RequestRefused, match="PUT /markers cannot be written as JSON") as caught:
        client_of(Upstream()).upsert_marker(body)

    assert caught.value.owner == "user"


@pytest.mark.parametrize("run_id", ["\ud800", "r" * 70_000])
def test_a_query_that_no_url_holds_is_refused(run_id: str) -> None:
    """Likewise for values that end up in the query."""
    with pytest.raises(RequestRefused, match="cannot be sent"):
        client_of(Upstream()).playground_search("q", run_id=run_id)


class Flaky(BaseHTTPRequestHandler):
    """Hangs up on the first request after having read it; answers the later ones."""

    seen: list[tuple[str, str]]

    def do_POST(self) -> None:
        """Answer, or not."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.headers["Idempotency-Key"], self.headers["X-API-Key"]))
        if len(self.seen) == 1:
            self.connection.close()
            return
        body = b'{"signed_url": "https://x/?sig=1", "expires_at": "soon"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_over_a_real_socket_a_lost_answer_is_recovered() -> None:
    """With real connections too: our own pool, a server that hangs up, and one that is gone."""
    handler = type("Handler", (Flaky,), {"seen": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client = VideoVectorClient(
        f"http://127.0.0.1:{server.server_port}/api/v2", lambda: KEY, sleep=lambda _: None
    )
    try:
        grant = client.signed_url("gs://b/o")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    (first, second) = handler.seen  # type: ignore[attr-defined]
    assert grant.url == "https://x/?sig=1"
    assert first == second
    assert first[1] == KEY
    client.close()
    with client, pytest.raises(Unreachable, match="POST /api/v2/videos/signed-url") as caught:
        client.signed_url("gs://b/o")
    assert_harmless(caught.value)


def test_threads_share_one_pool() -> None:
    """The pool opens once however many threads come first, and opens anew after closing."""
    pool = transport.Pool()
    found: list[httpx.Client] = []
    threads = [threading.Thread(target=lambda: found.append(pool.client())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(client) for client in found}) == 1
    pool.close()
    assert found[0].is_closed
    again = pool.client()
    assert again is not found[0]
    pool.close()
    pool.close()


def test_a_client_that_was_given_is_not_closed() -> None:
    """Who opened it closes it."""
    http = httpx.Client(transport=Upstream())
    VideoVectorClient(BASE_URL, lambda: KEY, http=http).close()

    assert not http.is_closed


def test_an_unexpected_body_tells_its_shape_and_no_values() -> None:
    """The operator learns what came without the values, which may be secret."""
    with pytest.raises(UnexpectedResponse, match=r"an object with the keys \[signed_url, note\]"):
        client_of(Upstream(Reply({"signed_url": SIGNED, "note": 1}))).signed_url("gs://b/o")
