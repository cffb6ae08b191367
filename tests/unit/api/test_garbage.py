"""Any response gives a result or an `ApiError`, and nothing else."""

from collections.abc import Callable
from itertools import islice

import httpx
import orjson
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_client import KEY, Clock, client_of
from videovector_bridge.api import ApiError
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.models import SegmentsTarget
from videovector_bridge.errors import PermanentError, TransientError

USES: list[Callable[[VideoVectorClient], object]] = [
    lambda client: list(islice(client.list_markers(), 500)),
    lambda client: client.upsert_marker({"target_id": "r"}),
    lambda client: client.delete_marker("m"),
    lambda client: client.signed_url("gs://b/o"),
    lambda client: client.gif("v"),
    lambda client: client.thumbnail("s"),
    lambda client: client.batch_videos(["v"]),
    lambda client: client.batch_status(["v"]),
    lambda client: client.batch_segments(["v"]),
    lambda client: client.batch_segments_for_targets([SegmentsTarget("v")]),
    lambda client: client.playground_search("q"),
    lambda client: list(islice(client.playground_filter_search([{}]), 500)),
]

WORDS = st.sampled_from(
    [
        "error",
        "error_code",
        "code",
        "message",
        "details",
        "detail",
        "request_id",
        "retry_after",
        "data",
        "results",
        "pagination",
        "has_more",
        "next_cursor",
        "next_page_token",
        "marker",
        "marker_id",
        "signed_url",
        "expires_at",
        "loc",
        "msg",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | JSON.map(orjson.dumps) | st.just(b"[" * 5000)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Retry-After", "X-Request-Id", "Content-Type", "Location", "Content-Encoding"]
    ),
    st.binary(max_size=20).filter(lambda value: not {0, 10, 13} & set(value))
    | st.sampled_from([b"gzip", b"br", b"image/png", b"application/json", b"9" * 500]),
)


def outcome(
    use: Callable[[VideoVectorClient], object], client: VideoVectorClient
) -> ApiError | None:
    """Return the `ApiError` of a call of the client, or None."""
    try:
        use(client)
    except ApiError as error:
        return error
    return None


@given(
    use=st.sampled_from(USES),
    status=st.sampled_from([200, 200, 200, 201, 204, 404, 422, 429]) | st.integers(200, 999),
    headers=HEADERS,
    body=BODIES,
)
def test_any_response_gives_a_result_or_an_api_error(
    use: Callable[[VideoVectorClient], object], status: int, headers: dict[str, bytes], body: bytes
) -> None:
    """For any bytes, only `ApiError` is raised, and it is transient or permanent."""

    def respond(_: httpx.Request) -> httpx.Response:
        raw = [(name.encode(), value) for name, value in headers.items()]
        return httpx.Response(status, headers=raw, stream=httpx.ByteStream(body))

    error = outcome(use, client_of(httpx.MockTransport(respond), clock=Clock()))

    if error is not None:
        assert isinstance(error, TransientError) is not isinstance(error, PermanentError)
        assert error.code.isidentifier()
        assert KEY not in str(error)
        assert str(error).encode()
        assert orjson.dumps([error.message, error.vendor_code, error.details, error.request_id])


@given(use=st.sampled_from(USES), value=JSON)
def test_any_json_gives_a_result_or_an_api_error(
    use: Callable[[VideoVectorClient], object], value: object
) -> None:
    """The same for well-formed JSON with the vendor's names at unusual levels."""
    upstream = httpx.MockTransport(lambda _: httpx.Response(200, content=orjson.dumps(value)))

    error = outcome(use, client_of(upstream, clock=Clock()))

    assert error is None or isinstance(error, PermanentError)
