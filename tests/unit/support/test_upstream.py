"""The scripted upstream fails the test, not the request, once its script has ended."""

import asyncio

import httpx
import pytest

from tests.support.upstream import BASE_URL, Response, Upstream


def test_a_sync_client_may_not_ask_beyond_the_script() -> None:
    """A request beyond the script fails the test that made it."""
    upstream = Upstream(Response([b"a", b"b"]))
    with httpx.Client(transport=upstream) as http:
        assert http.get(BASE_URL).content == b"ab"
        assert (upstream.done, upstream.closed) == (True, 1)
        with pytest.raises(AssertionError, match="no more requests"):
            http.get(BASE_URL)


def test_an_async_client_may_not_ask_beyond_the_script() -> None:
    """The same for a client of the stream."""

    async def ask() -> None:
        upstream = Upstream(Response([b"a", b"b"]))
        async with httpx.AsyncClient(transport=upstream) as http:
            assert (await http.get(BASE_URL)).content == b"ab"
            assert (upstream.done, upstream.closed) == (True, 1)
            await http.get(BASE_URL)

    with pytest.raises(AssertionError, match="no more requests"):
        asyncio.run(ask())
