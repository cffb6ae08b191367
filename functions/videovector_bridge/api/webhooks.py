"""The management of webhooks as methods, for whoever operates the bridge.

Sources: the vendor's page "Webhooks", and its SDK 2.0.0 for the names of fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from videovector_bridge.api import answers, webhook_answers
from videovector_bridge.api.answers import Cursor
from videovector_bridge.api.calls import Answer, Call, key_for_call, params_of, segment
from videovector_bridge.api.errors import NotFound
from videovector_bridge.api.models import Delivery, JsonObject, NewSecret, SentTest, Webhook
from videovector_bridge.api.transport import Transport

_PAGE = 100


class WebhooksClient:
    """A client for many threads. Every method raises `ApiError`s and nothing else of its own.

    Every POST and PATCH carries an idempotency key, the same over its retries: the caller's, or
    one of its own. One key belongs to one request: given again it gets the first answer again.
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
        """Yield every webhook of the account, whether the API answers in pages or at once."""
        return (
            webhook_answers.webhook_from(answer, row) for answer, row in self._rows("/webhooks", {})
        )

    def event_names(self) -> Sequence[str]:
        """Return the events that a webhook may be for."""
        return webhook_answers.to_event_names(self._transport.send(Call("GET", "/webhooks/events")))

    def get(self, webhook_id: str) -> Webhook:
        """Return one webhook."""
        call = Call("GET", f"/webhooks/{segment(webhook_id)}")
        return webhook_answers.to_webhook(self._transport.send(call))

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
        """Make a webhook; return it and its secret, which is never shown again.

        `name` has 1 to 100 characters. `index_ids` None: for every index.
        """
        body: JsonObject = {"name": name, "url": url, "events": [*events]}
        if index_ids is not None:
            body["index_ids"] = [*index_ids]
        if metadata is not None:
            body["metadata"] = dict(metadata)
        answer = self._write("POST", "/webhooks", body, idempotency_key)
        return webhook_answers.to_created(answer)

    def update(
        self, webhook_id: str, changes: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Webhook:
        """Change what `changes` names: `name url events index_ids status metadata`."""
        path = f"/webhooks/{segment(webhook_id)}"
        return webhook_answers.to_webhook(
            self._write("PATCH", path, dict(changes), idempotency_key)
        )

    def delete(self, webhook_id: str) -> bool:
        """Delete a webhook. True if this call did it, False if it was gone already (404).

        A 404 that does not speak as VideoVector does is raised as `NotFound`.
        """
        try:
            self._transport.send(Call("DELETE", f"/webhooks/{segment(webhook_id)}"))
        except NotFound as error:
            if error.message or error.vendor_code:
                return False
            raise
        return True

    def rotate_secret(self, webhook_id: str, *, idempotency_key: str | None = None) -> NewSecret:
        """Give a webhook a new secret and return it. What the old one is still good for: unknown.

        Not repeated here while its fate is unknown: an API that ignores the key could carry out
        the first request after the second, whose secret would be of no use then.
        """
        path = f"/webhooks/{segment(webhook_id)}/rotate-secret"
        call = Call("POST", path, idempotency_key=key_for_call(idempotency_key))
        policy = replace(self._transport.policy, retry_in_doubt=False)
        answer = replace(self._transport, policy=policy).send(call)
        return webhook_answers.to_rotated(answer)

    def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> SentTest:
        """Have a test event (`event: "test"`) delivered; return how the receiver answered."""
        path = f"/webhooks/{segment(webhook_id)}/test"
        return webhook_answers.to_sent_test(self._write("POST", path, None, idempotency_key))

    def deliveries(
        self, webhook_id: str, *, status: str | None = None, page_size: int = _PAGE
    ) -> Iterator[Delivery]:
        """Yield the deliveries on record, in the API's order, in pages of 1 to 100.

        `status` is `pending`, `delivered`, `failed` or `retrying`; None: any.
        """
        path = f"/webhooks/{segment(webhook_id)}/deliveries"
        return (
            webhook_answers.delivery_from(answer, row)
            for answer, row in self._rows(path, params_of(status=status, limit=page_size))
        )

    def delivery(self, delivery_id: str) -> Delivery:
        """Return one delivery."""
        call = Call("GET", f"/webhooks/deliveries/{segment(delivery_id)}")
        return webhook_answers.to_delivery(self._transport.send(call))

    def retry_delivery(self, delivery_id: str, *, idempotency_key: str | None = None) -> Delivery:
        """Have a failed delivery sent again; return its record as it is then."""
        path = f"/webhooks/deliveries/{segment(delivery_id)}/retry"
        return webhook_answers.to_delivery(self._write("POST", path, None, idempotency_key))

    def _write(self, method: str, path: str, body: Any, key: str | None) -> Answer:
        call = Call(method, path, body=body, idempotency_key=key_for_call(key))
        return self._transport.send(call)

    def _rows(self, path: str, params: Mapping[str, str]) -> Iterator[tuple[Answer, JsonObject]]:
        """Yield each row with the answer that it came in."""
        last: list[Answer] = []

        def fetch(cursor: Cursor | None) -> Answer:
            query = {**params, **params_of(cursor=cursor)}
            last[:] = [self._transport.send(Call("GET", path, params=query))]
            return last[0]

        return ((last[0], row) for row in answers.to_pages(fetch))
