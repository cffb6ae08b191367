"""The management of webhooks as methods.

Sources: the vendor's page "Webhooks", and its SDK 2.0.0 for the names of fields.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

from videovector_bridge.api import webhook_responses
from videovector_bridge.api.calls import (
    Call,
    Response,
    encode_id,
    encode_idempotency_key,
    encode_params,
)
from videovector_bridge.api.errors import NotFound
from videovector_bridge.api.models import Delivery, JsonObject, NewSecret, SentTest, Webhook
from videovector_bridge.api.responses import Cursor, iterate_rows
from videovector_bridge.api.retry import RetryPolicy
from videovector_bridge.api.transport import Pool, Transport

_PAGE = 100


class WebhooksClient:
    """A thread-safe client. Its methods raise `ApiError`s only, and what the key's source raises.

    Every POST and PATCH carries an idempotency key, kept over its retries: the caller's or a new
    one. Use one key for one request: a repeated key returns the first response.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def list_webhooks(self) -> Iterator[Webhook]:
        """Yield every webhook of the account, paginated or not."""
        return (
            webhook_responses.webhook_from(response, row)
            for response, row in self._rows("/webhooks", {})
        )

    def event_names(self) -> Sequence[str]:
        """Return the event names that a webhook can subscribe to."""
        return webhook_responses.parse_event_names(
            self._transport.send(Call("GET", "/webhooks/events"))
        )

    def get(self, webhook_id: str) -> Webhook:
        """Return one webhook."""
        call = Call("GET", f"/webhooks/{encode_id(webhook_id)}")
        return webhook_responses.parse_webhook(self._transport.send(call))

    def create(
        self,
        *,
        name: str,
        url: str,
        events: Sequence[str],
        index_ids: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Webhook, NewSecret]:
        """Create a webhook; return it and its secret, which is never shown again.

        `name` has 1 to 100 characters. `index_ids` None: for every index.
        """
        body: JsonObject = {"name": name, "url": url, "events": [*events]}
        if index_ids is not None:
            body["index_ids"] = [*index_ids]
        if metadata is not None:
            body["metadata"] = dict(metadata)
        response = self._write("POST", "/webhooks", body, idempotency_key)
        return webhook_responses.parse_created(response)

    def update(
        self, webhook_id: str, changes: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Webhook:
        """Change the fields in `changes`: `name url events index_ids status metadata`."""
        path = f"/webhooks/{encode_id(webhook_id)}"
        return webhook_responses.parse_webhook(
            self._write("PATCH", path, dict(changes), idempotency_key)
        )

    def delete(self, webhook_id: str) -> bool:
        """Delete a webhook. True if this call deleted it, False if it did not exist (404).

        A 404 that is not in VideoVector's form raises `NotFound`.
        """
        try:
            self._transport.send(Call("DELETE", f"/webhooks/{encode_id(webhook_id)}"))
        except NotFound as error:
            if error.message or error.vendor_code:
                return False
            raise
        return True

    def rotate_secret(self, webhook_id: str, *, idempotency_key: str | None = None) -> NewSecret:
        """Set a new secret and return it. It is undocumented how long the old one stays valid.

        Not retried while the outcome is unknown: an API that ignores the idempotency key could
        apply the first request after the second, and the second's secret would be invalid.
        """
        path = f"/webhooks/{encode_id(webhook_id)}/rotate-secret"
        call = Call("POST", path, idempotency_key=encode_idempotency_key(idempotency_key))
        policy = replace(self._transport.policy, retry_unknown_outcome=False)
        response = replace(self._transport, policy=policy).send(call)
        return webhook_responses.parse_rotated(response)

    def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> SentTest:
        """Request a test delivery (`event: "test"`); return its result."""
        path = f"/webhooks/{encode_id(webhook_id)}/test"
        return webhook_responses.parse_sent_test(self._write("POST", path, None, idempotency_key))

    def deliveries(
        self, webhook_id: str, *, status: str | None = None, page_size: int = _PAGE
    ) -> Iterator[Delivery]:
        """Yield the recorded deliveries, in the API's order, in pages of 1 to 100.

        `status` is `pending`, `delivered`, `failed` or `retrying`; None: any.
        """
        path = f"/webhooks/{encode_id(webhook_id)}/deliveries"
        return (
            webhook_responses.delivery_from(response, row)
            for response, row in self._rows(path, encode_params(status=status, limit=page_size))
        )

    def delivery(self, delivery_id: str) -> Delivery:
        """Return one delivery."""
        call = Call("GET", f"/webhooks/deliveries/{encode_id(delivery_id)}")
        return webhook_responses.parse_delivery(self._transport.send(call))

    def retry_delivery(self, delivery_id: str, *, idempotency_key: str | None = None) -> Delivery:
        """Retry a failed delivery; return its record afterwards."""
        path = f"/webhooks/deliveries/{encode_id(delivery_id)}/retry"
        return webhook_responses.parse_delivery(self._write("POST", path, None, idempotency_key))

    def _write(self, method: str, path: str, body: Any, key: str | None) -> Response:
        call = Call(method, path, body=body, idempotency_key=encode_idempotency_key(key))
        return self._transport.send(call)

    def _rows(self, path: str, params: Mapping[str, str]) -> Iterator[tuple[Response, JsonObject]]:
        """Yield each row with its response."""
        last: list[Response] = []

        def fetch(cursor: Cursor | None) -> Response:
            query = {**params, **encode_params(cursor=cursor)}
            last[:] = [self._transport.send(Call("GET", path, params=query))]
            return last[0]

        return ((last[0], row) for row in iterate_rows(fetch))


def open_webhooks(
    base_url: str,
    key: Callable[[], str],
    *,
    retry: RetryPolicy | None = None,
    timeout_seconds: float,
    user_agent: str,
) -> WebhooksClient:
    """Return a client. It connects on the first request, and calls `key` before each attempt."""
    transport = Transport(
        base_url=base_url,
        key=key,
        pool=Pool(),
        policy=retry or RetryPolicy(),
        timeout_seconds=timeout_seconds,
        user_agent=user_agent,
        sleep=time.sleep,
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
        random=random.random,
    )
    return WebhooksClient(transport)
