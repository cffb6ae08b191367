"""`api.client`: the request of each method, and the value of its response."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_client import KEY, client_of
from tests.support.upstream import BASE_URL, Response, Upstream, json_response
from videovector_bridge.api import NotFound, RequestRefused, UnexpectedResponse
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.models import Marker, Media, SegmentsTarget, SignedUrl

GIF = Response([b"GIF89a"], headers={"Content-Type": "image/gif"})
GRANT = json_response({"signed_url": "https://x/o?sig=1", "expires_at": "2026-01-02T04:00:00Z"})
MARKER = {"marker_id": "m1", "color": "red", "note": "n", "updated_at": "t", "target_id": "r1"}
CONDITION = {"field": "f", "operator": "is_empty", "type": "text"}


Use = Callable[[VideoVectorClient], object]

# name: use, reply, method, path and query, body (None: none), result
ENDPOINTS: dict[str, tuple[Use, Response, str, str, Any, object]] = {
    "list_markers": (
        lambda client: list(client.list_markers()),
        json_response([MARKER, {"marker_id": 5}]),
        "GET",
        "/markers",
        None,
        [Marker("m1", "red", "n", "t", MARKER), Marker(fields={"marker_id": 5})],
    ),
    "upsert_marker": (
        lambda client: client.upsert_marker({"target_type": "run", "own": [1, "ü"]}),
        json_response(MARKER),
        "PUT",
        "/markers",
        {"target_type": "run", "own": [1, "ü"]},
        Marker("m1", "red", "n", "t", MARKER),
    ),
    "upsert_marker, wrapped": (
        lambda client: client.upsert_marker({}),
        json_response({"marker": MARKER}),
        "PUT",
        "/markers",
        {},
        Marker("m1", "red", "n", "t", MARKER),
    ),
    "upsert_marker, silent": (
        lambda client: client.upsert_marker({}),
        Response(status=204),
        "PUT",
        "/markers",
        {},
        Marker(),
    ),
    "delete_marker": (
        lambda client: client.delete_marker("m1"),
        Response(status=204),
        "DELETE",
        "/markers/m1",
        None,
        True,
    ),
    "delete_marker, gone": (
        lambda client: client.delete_marker("m1"),
        json_response({"detail": "Marker not found"}, status=404),
        "DELETE",
        "/markers/m1",
        None,
        False,
    ),
    "signed_url": (
        lambda client: client.signed_url("gs://b/o"),
        GRANT,
        "POST",
        "/videos/signed-url",
        {"gcs_uri": "gs://b/o"},
        SignedUrl("gs://b/o", "https://x/o?sig=1", "2026-01-02T04:00:00Z"),
    ),
    "signed_url, fresh": (
        lambda client: client.signed_url("gs://b/o", force_refresh=True),
        GRANT,
        "POST",
        "/videos/signed-url",
        {"gcs_uri": "gs://b/o", "force_refresh": True},
        SignedUrl("gs://b/o", "https://x/o?sig=1", "2026-01-02T04:00:00Z"),
    ),
    "gif": (
        lambda client: client.gif("v1"),
        GIF,
        "GET",
        "/videos/v1/gif",
        None,
        Media(b"GIF89a", "image/gif"),
    ),
    "thumbnail": (
        lambda client: client.thumbnail("s1"),
        Response([b"\xff\xd8"], headers={"Content-Type": "Image/JPEG; x=y"}),
        "GET",
        "/videos/segments/s1/thumbnail",
        None,
        Media(b"\xff\xd8", "image/jpeg"),
    ),
    "batch_videos": (
        lambda client: client.batch_videos(["v1", "v2"]),
        json_response([{"video_id": "v2"}, {"video_id": "v1", "new": {}}]),
        "POST",
        "/videos/batch",
        {"video_ids": ["v1", "v2"]},
        [{"video_id": "v2"}, {"video_id": "v1", "new": {}}],
    ),
    "batch_status": (
        lambda client: client.batch_status(iter(["v1"])),
        json_response({"data": [{"video_id": "v1", "status": "failed"}]}),
        "POST",
        "/videos/batch/status",
        {"video_ids": ["v1"]},
        [{"video_id": "v1", "status": "failed"}],
    ),
    "batch_segments": (
        lambda client: client.batch_segments(["v1"]),
        json_response([{"video_id": "v1", "segments": []}]),
        "POST",
        "/videos/batch/segments",
        {"video_ids": ["v1"]},
        [{"video_id": "v1", "segments": []}],
    ),
    "batch_segments_for_targets": (
        lambda client: client.batch_segments_for_targets(
            [SegmentsTarget("v1", "r1"), SegmentsTarget("v2")]
        ),
        json_response([]),
        "POST",
        "/videos/batch/segments",
        {"targets": [{"video_id": "v1", "run_id": "r1"}, {"video_id": "v2"}]},
        [],
    ),
    "playground_search": (
        lambda client: client.playground_search("a dog", 5),
        json_response([{"result_id": "x"}]),
        "POST",
        "/playground/search",
        {"query": "a dog", "top_k": 5},
        [{"result_id": "x"}],
    ),
    "playground_search, one run": (
        lambda client: client.playground_search("a dog", run_id="r/1&"),
        json_response([]),
        "POST",
        "/playground/search?run_id=r%2F1%26",
        {"query": "a dog", "top_k": 30},
        [],
    ),
    "playground_filter_search": (
        lambda client: list(
            client.playground_filter_search([CONDITION], run_ids=["r"], index_ids=["i"])
        ),
        json_response({"results": [{"result_id": "x"}], "next_page_token": None, "total_shown": 1}),
        "POST",
        "/search/filter/playground",
        {"conditions": [CONDITION], "page_size": 50, "run_ids": ["r"], "index_ids": ["i"]},
        [{"result_id": "x"}],
    ),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_method_sends_the_documented_request(name: str) -> None:
    """Method, path, query, body and headers are the documented ones; the response is parsed."""
    use, reply, method, target, body, result = ENDPOINTS[name]
    upstream = Upstream(reply)

    assert use(client_of(upstream)) == result

    (request,) = upstream.requests
    assert request.method == method
    assert str(request.url) == BASE_URL + target
    assert request.headers["X-API-Key"] == KEY
    assert request.headers["User-Agent"] == "videovector-bridge"
    if body is None:
        assert request.content == b""
    else:
        assert upstream.bodies == [body]
        assert request.headers["Content-Type"] == "application/json"
    writes = method == "PUT" or target == "/videos/signed-url"
    assert ("Idempotency-Key" in request.headers) is writes
    media = target.endswith(("/gif", "/thumbnail"))
    assert request.headers["Accept"] == ("image/*" if media else "application/json")


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("event-1", "event-1"),
        ("no ascii ü", "d8c4c8fc"),
        ("x" * 256, "85e62acd"),
        ("", "e3b0c442"),
    ],
)
def test_the_callers_idempotency_key_is_sent(key: str, sent: str) -> None:
    """Unchanged if a header can carry it, else as its SHA-256, which is the same every time."""
    upstream = Upstream(json_response({}), GRANT)
    client = client_of(upstream)

    client.upsert_marker({}, idempotency_key=key)
    client.signed_url("gs://b/o", idempotency_key=key)

    keys = {request.headers["Idempotency-Key"] for request in upstream.requests}
    assert len(keys) == 1
    assert keys.pop().startswith(sent)


@pytest.mark.parametrize("body", [b"", b"<html>404</html>", b"{}"])
def test_a_404_that_is_not_videovectors_does_not_count_as_deleted(body: bytes) -> None:
    """A wrong base URL or a proxy must not look like success."""
    with pytest.raises(NotFound):
        client_of(Upstream(json_response(body, status=404))).delete_marker("m1")


@pytest.mark.parametrize(
    ("use", "size"),
    [
        (lambda client, ids: client.batch_videos(ids), 100),
        (lambda client, ids: client.batch_status(ids), 100),
        (lambda client, ids: client.batch_segments(ids), 50),
        (
            lambda client, ids: client.batch_segments_for_targets(map(SegmentsTarget, ids)),
            50,
        ),
    ],
    ids=["videos", "status", "segments", "targets"],
)
def test_batches_of_any_size_are_split_in_order(
    use: Callable[[VideoVectorClient, list[str]], list[dict[str, Any]]], size: int
) -> None:
    """Each request has as many ids as allowed; rows are joined in the order of the requests."""
    ids = [f"v{n}" for n in range(2 * size + 1)]
    upstream = Upstream(
        json_response([{"n": 0}]), json_response([{"n": 1}]), json_response([{"n": 2}])
    )

    rows = use(client_of(upstream), ids)

    sent = [next(iter(body.values())) for body in upstream.bodies]
    assert rows == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [len(chunk) for chunk in sent] == [size, size, 1]
    flat = [item["video_id"] if isinstance(item, dict) else item for part in sent for item in part]
    assert flat == ids


def test_an_empty_batch_sends_nothing() -> None:
    """No ids, no request."""
    assert client_of(Upstream()).batch_videos([]) == []


def page(row: int, cursor: str | None, *, has_more: bool) -> Response:
    """Return a page with one row."""
    return json_response(
        {"data": [{"n": row}], "pagination": {"has_more": has_more, "next_cursor": cursor}}
    )


def test_pages_are_followed_lazily_to_their_end() -> None:
    """A page is requested when its first row is needed; `has_more` false ends the pages."""
    upstream = Upstream(
        page(0, "a", has_more=True), page(1, "b&", has_more=True), page(2, "c", has_more=False)
    )
    markers = client_of(upstream).list_markers()

    assert upstream.requests == []
    assert next(markers).fields == {"n": 0}
    assert len(upstream.requests) == 1
    assert [marker.fields for marker in markers] == [{"n": 1}, {"n": 2}]
    queries = [request.url.query for request in upstream.requests]
    assert queries == [b"", b"cursor=a", b"cursor=b%26"]


def test_markers_may_be_paginated() -> None:
    """Markers are read from pages as from a bare array."""
    upstream = Upstream(page(0, "a", has_more=True), json_response([{"marker_id": "m"}]))

    markers = list(client_of(upstream).list_markers())

    assert [marker.marker_id for marker in markers] == [None, "m"]
    assert [request.url.query for request in upstream.requests] == [b"", b"cursor=a"]


def test_filter_search_follows_both_styles_of_pages() -> None:
    """A token, or a cursor under `pagination`, is in the next body."""
    upstream = Upstream(
        json_response({"results": [{"n": 0}], "next_page_token": "a", "total_shown": 1}),
        json_response({"data": [{"n": 1}], "pagination": {"has_more": True, "next_cursor": "b"}}),
        json_response({"results": [{"n": 2}], "data": [{"n": 2}], "next_page_token": None}),
    )

    rows = list(client_of(upstream).playground_filter_search([CONDITION], page_size=1))

    assert rows == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [body.get("cursor") for body in upstream.bodies] == [None, "a", "b"]
    assert all(body["page_size"] == 1 for body in upstream.bodies)


def test_a_repeated_cursor_is_an_error() -> None:
    """Neither an endless loop nor a silent end; the rows before it are yielded."""
    pages = [page(0, "a", has_more=True), page(1, "b", has_more=True), page(2, "a", has_more=True)]
    markers = client_of(Upstream(*pages)).list_markers()

    assert [next(markers).fields["n"] for _ in pages] == [0, 1, 2]
    with pytest.raises(UnexpectedResponse, match="do not end"):
        next(markers)


@pytest.mark.parametrize("cursor", [None, "", {"a": 1}, ["a"], 1.5])
def test_more_without_a_usable_cursor_is_an_error(cursor: Any) -> None:
    """Rows that cannot be requested are an error."""
    with pytest.raises(UnexpectedResponse):
        list(client_of(Upstream(page(0, cursor, has_more=True))).list_markers())


@pytest.mark.parametrize(
    "body", [None, 1, "x", {}, {"data": None}, {"data": {}}, [1], {"results": ["x"]}, b"", b"<p>"]
)
def test_lists_of_another_shape_are_unexpected(body: Any) -> None:
    """Rows are objects in an array; anything else is an error of the vendor."""
    reply = json_response(b"null" if body is None else body)

    with pytest.raises(UnexpectedResponse) as caught:
        client_of(Upstream(reply)).batch_videos(["v"])

    assert caught.value.owner == "vendor"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"marker_id": "m',
        b"\xff\xfe",
        b"[" * 100_000,
        None,
        [1],
        5,
        "ok",
        {},
        {"marker_id": 7},
        {"marker": "m_1", "data": ["m_1"]},
    ],
    ids=lambda body: str(body)[:20],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_an_upsert_with_a_2xx_is_a_success(status: int, body: Any) -> None:
    """The marker is set, so a body of any shape is a success, with an empty marker."""
    marker = client_of(Upstream(json_response(body, status))).upsert_marker({})

    assert (marker.marker_id, marker.color, marker.note, marker.updated_at) == (None,) * 4


@pytest.mark.parametrize(
    "reply",
    [
        json_response({"signed_url": "https://x"}),
        json_response({"signed_url": "javascript:x", "expires_at": "t"}),
        json_response({"signed_url": 1, "expires_at": "t"}),
        json_response([]),
    ],
)
def test_a_grant_of_another_shape_is_unexpected(reply: Response) -> None:
    """Both an http(s) URL and its expiry are required."""
    with pytest.raises(UnexpectedResponse):
        client_of(Upstream(reply)).signed_url("gs://b/o")


@pytest.mark.parametrize(
    "reply",
    [
        Response([b""], headers={"Content-Type": "image/gif"}),
        Response([b"{}"], headers={"Content-Type": "application/json"}),
        Response([b"GIF89a"]),
        Response([b"GIF"], status=206, headers={"Content-Type": "image/gif"}),
        Response(status=204),
    ],
)
def test_media_that_are_not_a_whole_image_are_unexpected(reply: Response) -> None:
    """An empty, partial or differently typed body is not stored as a preview."""
    with pytest.raises(UnexpectedResponse):
        client_of(Upstream(reply)).gif("v")


PLAIN = st.text(min_size=1, max_size=200).filter(
    lambda text: not {".", ".."} & set(text.replace("\\", "/").split("/"))
)


@given(
    st.one_of(PLAIN, st.sampled_from(["a/b", "a?b=c", "a#b", "%2e%2e", "ü", "a%2Fb", "a;b", " "]))
)
def test_an_id_is_one_segment_of_the_path(value: str) -> None:
    """For any id the path has the same segments, and the segment decodes to the id."""
    upstream = Upstream(Response(status=204))
    client = client_of(upstream)
    try:
        client.delete_marker(value)
    except RequestRefused:
        assert any("\ud800" <= char <= "\udfff" for char in value)
        return

    (request,) = upstream.requests
    raw = request.url.raw_path
    assert raw.startswith(b"/api/v2/markers/")
    assert raw.count(b"/") == 4
    assert not set(b"?#") & set(raw)
    assert request.url.path == "/api/v2/markers/" + value


@pytest.mark.parametrize(
    "value", ["", ".", "..", "../x", "a/../b", "a\\..\\b", "/..", "\ud800", "x" * 1001]
)
def test_an_id_that_could_change_the_path_is_refused(value: str) -> None:
    """An empty id addresses the whole collection; a decoding proxy resolves dots."""
    client = client_of(Upstream())

    for use in (client.delete_marker, client.gif, client.thumbnail):
        with pytest.raises(RequestRefused) as caught:
            use(value)
        assert caught.value.owner == "user"
