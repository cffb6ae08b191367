"""`api.transport` through the client: the limits of response bodies."""

import gzip
import itertools
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.api_client import client_of
from tests.support.upstream import Response, Upstream, json_response
from videovector_bridge.api import ApiError, ResponseTooLarge
from videovector_bridge.api.client import VideoVectorClient

READS: dict[str, Callable[[VideoVectorClient], object]] = {
    "get": lambda client: list(client.list_markers()),
    "batch": lambda client: client.batch_videos(["v"]),
    "search": lambda client: client.playground_search("cats"),
}


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000000000000"}], ids=len)
@pytest.mark.parametrize(("read", "mebibytes"), [("get", 8), ("batch", 8), ("search", 32)])
def test_json_beyond_the_limit_is_refused(
    headers: dict[str, str], read: str, mebibytes: int
) -> None:
    """The client stops reading at the limit and does not retry."""
    pulled = 0

    def endless() -> Iterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b" " * 1024 * 1024

    with pytest.raises(ResponseTooLarge, match=f"{mebibytes * 1024 * 1024} bytes") as caught:
        READS[read](client_of(Upstream(Response(endless(), headers=headers))))

    assert pulled == mebibytes + 1
    assert caught.value.owner == "vendor"


def test_a_response_about_one_object_has_a_small_limit() -> None:
    """It is read to 256 KiB, because an instance may have many such requests in flight."""
    pulled = 0

    def endless() -> Iterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b" " * 1024

    with pytest.raises(ResponseTooLarge, match="262144 bytes"):
        client_of(Upstream(Response(endless()))).signed_url("gs://bucket/a")

    assert pulled == 257


def test_media_beyond_the_limit_is_refused() -> None:
    """Images may be larger than JSON, to 64 MiB."""
    piece = b" " * 1024 * 1024
    headers = {"Content-Type": "image/gif"}
    upstream = Upstream(
        Response((piece for _ in range(64)), headers=headers),
        Response((piece for _ in range(65)), headers=headers),
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
def test_where_the_status_suffices_the_body_does_not_matter(
    body: Callable[[], Iterator[bytes | Exception]],
) -> None:
    """A marker that is set or deleted is a success, whatever happens to the body."""
    upstream = Upstream(Response(body()), Response(body()))
    client = client_of(upstream)

    assert client.upsert_marker({}).marker_id is None
    assert client.delete_marker("m_1")
    assert upstream.done


def test_a_compressed_bomb_is_refused() -> None:
    """The limit counts decompressed bytes."""
    bomb = gzip.compress(b" " * 40 * 1024 * 1024)

    with pytest.raises(ResponseTooLarge):
        client_of(Upstream(json_response(bomb, headers={"Content-Encoding": "gzip"}))).batch_videos(
            ["v"]
        )


def test_a_large_or_broken_error_body_does_not_hide_the_status() -> None:
    """An error's body is read to 64 KiB, and as far as it arrives."""
    upstream = Upstream(
        Response((b"x" * 65536 for _ in range(10**9)), status=404),
        Response([b"half", httpx.ReadError("cut")], status=401),
    )
    client = client_of(upstream)

    for status in (404, 401):
        with pytest.raises(ApiError) as caught:
            client.gif("v")
        assert caught.value.status == status
