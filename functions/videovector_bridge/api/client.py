"""The VideoVector API as methods: one for every endpoint that the bridge uses.

Sources: the vendor's pages "Advanced public utilities" and "Indexes and media". The event stream
is in `stream.py`, the management of webhooks in `webhooks.py`.
"""

import random as _random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from videovector_bridge.api import responses
from videovector_bridge.api.calls import (
    BATCH_LIMIT,
    MEDIA_LIMIT,
    SINGLE_LIMIT,
    Call,
    Response,
    encode_id,
    encode_idempotency_key,
    encode_params,
    split,
)
from videovector_bridge.api.errors import NotFound
from videovector_bridge.api.models import JsonObject, Marker, Media, SegmentsTarget, SignedUrl
from videovector_bridge.api.responses import Cursor
from videovector_bridge.api.retry import RetryPolicy
from videovector_bridge.api.throttle import Throttle
from videovector_bridge.api.transport import Pool, Transport

# The most ids in one request ("Batch media helpers").
_BATCH = 100
_SEGMENTS_BATCH = 50


def _utc_now() -> datetime:
    return datetime.now(UTC)


class VideoVectorClient:
    """A thread-safe client. Its methods raise `ApiError`s only, and what `key` raises.

    `key` is called before each attempt. `http` stays open after `close`; without it, connections
    open on first use. `retry` applies to each request of a method. `timeout_seconds` limits each
    step of an attempt. `clock` counts monotonic seconds. After a 429 no thread sends until
    Retry-After has passed; a request whose budget ends before raises `RateLimited` unsent.
    """

    def __init__(
        self,
        base_url: str,
        key: Callable[[], str],
        *,
        http: httpx.Client | None = None,
        retry: RetryPolicy | None = None,
        timeout_seconds: float = 10.0,
        user_agent: str = "videovector-bridge",
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """Raise `SettingsError` unless `base_url` is a plain http(s) URL. Opens nothing yet."""
        self._transport = Transport(
            base_url=base_url,
            key=key,
            pool=Pool(http),
            policy=retry or RetryPolicy(),
            timeout_seconds=timeout_seconds,
            user_agent=user_agent,
            sleep=sleep,
            clock=clock,
            now=now,
            random=random,
            throttle=Throttle(clock=clock, sleep=sleep, random=random),
        )

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Markers

    def list_markers(self) -> Iterator[Marker]:
        """Yield the user's markers from `GET /markers`, paginated or not."""

        def fetch(cursor: Cursor | None) -> Response:
            return self._get("/markers", encode_params(cursor=cursor))

        return map(responses.marker_from, responses.iterate_rows(fetch))

    def upsert_marker(
        self, body: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Marker:
        """Send `body` unchanged to `PUT /markers`; return the marker in the response, if any.

        Any 2xx is a success: the body is undocumented, and an error would count as a refusal of a
        marker that is set. So a foreign page that returns 2xx under a wrong base URL is a success
        too; reads detect it. Use one `idempotency_key` for one body: a repeated key may return the
        first response without effect. By default each call has a new key, kept over its retries.
        """
        call = Call(
            "PUT",
            "/markers",
            body=dict(body),
            limit=SINGLE_LIMIT,
            status_suffices=True,
            idempotency_key=encode_idempotency_key(idempotency_key),
        )
        return responses.parse_marker(self._transport.send(call))

    def delete_marker(self, marker_id: str) -> bool:
        """Delete a marker. True if this call deleted it, False if it did not exist (404).

        A retry after a lost response gets 404, so 404 is a success. A 404 that is not in
        VideoVector's form (a proxy's page, a wrong base URL) raises `NotFound`.
        """
        try:
            self._transport.send(
                Call(
                    "DELETE",
                    f"/markers/{encode_id(marker_id)}",
                    limit=SINGLE_LIMIT,
                    status_suffices=True,
                )
            )
        except NotFound as error:
            if error.message or error.vendor_code:
                return False
            raise
        return True

    # Media

    def signed_url(
        self, gcs_uri: str, *, force_refresh: bool = False, idempotency_key: str | None = None
    ) -> SignedUrl:
        """Return a URL for `gs://bucket/path`; with `force_refresh` a new one.

        VideoVector counts grants, so each call has an idempotency key, kept over its retries.
        """
        body: JsonObject = {"gcs_uri": gcs_uri}
        if force_refresh:
            body["force_refresh"] = True
        call = Call(
            "POST",
            "/videos/signed-url",
            body=body,
            limit=SINGLE_LIMIT,
            idempotency_key=encode_idempotency_key(idempotency_key),
        )
        return responses.parse_signed_url(self._transport.send(call), gcs_uri)

    def gif(self, video_id: str) -> Media:
        """Return a video's preview, an `image/gif`."""
        return self._image(f"/videos/{encode_id(video_id)}/gif")

    def thumbnail(self, segment_id: str) -> Media:
        """Return a segment's image, in the type that the response states."""
        return self._image(f"/videos/segments/{encode_id(segment_id)}/thumbnail")

    # Batches: any number of ids, in several requests one after another. Rows are in the order of
    # the requests and, within one, of the response. An unknown id has no row.

    def batch_videos(self, ids: Iterable[str]) -> list[JsonObject]:
        """Return the videos with their details; a request for every 100 ids."""
        return self._batch("/videos/batch", "video_ids", ids, _BATCH)

    def batch_status(self, ids: Iterable[str]) -> list[JsonObject]:
        """Return the status of each video and of its runs; a request for every 100 ids."""
        return self._batch("/videos/batch/status", "video_ids", ids, _BATCH)

    def batch_segments(self, ids: Iterable[str]) -> list[JsonObject]:
        """Return the segments of each video; a request for every 50 ids."""
        return self._batch("/videos/batch/segments", "video_ids", ids, _SEGMENTS_BATCH)

    def batch_segments_for_targets(self, targets: Iterable[SegmentsTarget]) -> list[JsonObject]:
        """Return the segments of each video from one run; a request for every 50 targets."""
        rows = (encode_params(video_id=target.video_id, run_id=target.run_id) for target in targets)
        return self._batch("/videos/batch/segments", "targets", rows, _SEGMENTS_BATCH)

    # Playground

    def playground_search(
        self, query: str, top_k: int = 30, run_id: str | None = None
    ) -> list[JsonObject]:
        """Return the `top_k` (1 to 100) best matches for a text, of one run or of all."""
        call = Call(
            "POST",
            "/playground/search",
            params=encode_params(run_id=run_id),
            body={"query": query, "top_k": top_k},
            reads=True,
        )
        return responses.parse_rows(self._transport.send(call))

    def playground_filter_search(
        self,
        conditions: Sequence[Mapping[str, Any]],
        *,
        page_size: int = 50,
        run_ids: Sequence[str] | None = None,
        index_ids: Sequence[str] | None = None,
    ) -> Iterator[JsonObject]:
        """Yield every match of 1 to 4 conditions `{field, operator, type, value?}`, in pages."""

        def fetch(cursor: Cursor | None) -> Response:
            body: JsonObject = {"conditions": [*map(dict, conditions)], "page_size": page_size}
            for name, ids in (("run_ids", run_ids), ("index_ids", index_ids)):
                if ids:
                    body[name] = list(ids)
            if cursor is not None:
                body["cursor"] = cursor
            return self._transport.send(
                Call("POST", "/search/filter/playground", body=body, reads=True)
            )

        return responses.iterate_rows(fetch)

    def _get(self, path: str, params: Mapping[str, str]) -> Response:
        return self._transport.send(Call("GET", path, params=params, limit=BATCH_LIMIT))

    def _image(self, path: str) -> Media:
        call = Call("GET", path, accept="image/*", limit=MEDIA_LIMIT)
        return responses.parse_media(self._transport.send(call))

    def _batch(self, path: str, name: str, items: Iterable[Any], size: int) -> list[JsonObject]:
        rows: list[JsonObject] = []
        for chunk in split(items, size):
            call = Call("POST", path, body={name: chunk}, reads=True, limit=BATCH_LIMIT)
            rows += responses.parse_rows(self._transport.send(call))
        return rows
