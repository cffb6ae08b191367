"""Request webhook secrets without losing one: announce the request, then store the response.

If the process dies between the two, the next run finds the announcement in the store and repeats
the request.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from videovector_bridge.api import Conflict
from videovector_bridge.api.bridge_webhooks import display_name
from videovector_bridge.api.errors import RequestRefused, UnexpectedResponse
from videovector_bridge.api.models import NewSecret, Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.stored_secrets import StoredSecrets
from videovector_bridge.cli.webhook.secret_store import SecretStore
from videovector_bridge.cli.webhook.webhook_spec import WebhookSpec
from videovector_bridge.errors import SettingsError

# Enough for all retries of a request, and for a person to notice a failed run and start another.
_ANNOUNCED_SECONDS = 900.0
# How often to request a secret when other processes write to the store at the same time.
_ROUNDS = 3


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SecretRotator:
    """Requests and stores the secrets of the webhook `name`. `notify` prints a message."""

    name: str
    store: SecretStore
    notify: Callable[[str], None]
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    nonce: Callable[[], str] = field(default=lambda: secrets.token_hex(16))

    def load(self) -> StoredSecrets:
        """Return the content of the store.

        Raises `SettingsError` if it belongs to another webhook or cannot be read.
        """
        try:
            stored = StoredSecrets.parse(self.store.read())
        except SettingsError as error:
            problems = [f"{self.store}: {problem}" for problem in error.problems]
            raise SettingsError(problems) from None
        if stored.name not in ("", self.name):
            problem = (
                f"{self.store} has the secrets of the webhook {stored.name!r}, not of "
                f"{self.name!r}: use a separate store for each webhook"
            )
            raise SettingsError([problem])
        return stored

    def create(self, client: WebhooksClient, spec: WebhookSpec, grace_seconds: float) -> Webhook:
        """Create the webhook and store its secret. A repeated request creates no second webhook."""
        content = f"{spec.name} {spec.url} {spec.events} {spec.index_ids}"
        created: list[Webhook] = []

        def request(nonce: str) -> NewSecret:
            webhook, secret = client.create(
                name=display_name(spec.name),
                url=spec.url,
                events=spec.events,
                index_ids=spec.index_ids,
                metadata=spec.metadata,
                idempotency_key=_build_key("create", nonce, content),
            )
            created.append(webhook)
            return secret

        with self.store.lock():
            end = self._obtain_secret(request, grace_seconds)
        if end is None:
            # Another process wrote to the store too, so the webhook gets another secret.
            self.rotate(client, created[-1].webhook_id, grace_seconds)
        return created[-1]

    def rotate(self, client: WebhooksClient, webhook_id: str, grace_seconds: float) -> datetime:
        """Give the webhook a new secret and store it; return when the old secrets end.

        Raises `NotReachedError` if other processes keep writing to the store.
        """

        def request(nonce: str) -> NewSecret:
            key = _build_key("rotate", nonce, webhook_id)
            return client.rotate_secret(webhook_id, idempotency_key=key)

        with self.store.lock():
            for _ in range(_ROUNDS):
                end = self._obtain_secret(request, grace_seconds)
                if end is not None:
                    return end
                self.notify(f"Another process wrote to {self.store}: rotating once more...")
        raise NotReachedError(
            f"Others keep writing to {self.store}, so it may not have the newest secret. Run "
            "`videovector-bridge webhook rotate` after they have ended."
        )

    def _obtain_secret(
        self, request: Callable[[str], NewSecret], grace_seconds: float
    ) -> datetime | None:
        """Request a secret and store it; return when the old ones end.

        Returns None if another process may have received a newer secret.
        """
        stored, is_repeated = self._announce(self.load())
        try:
            secret = request(stored.request)
        except (Conflict, RequestRefused, UnexpectedResponse) as error:
            if not is_repeated:
                raise
            # VideoVector refuses to repeat the response of an earlier run.
            self.notify(f"VideoVector does not repeat its response ({error}); requesting again...")
            stored, _ = self._announce(stored.without_request())
            secret = request(stored.request)
        return self._store_secret(stored, secret, grace_seconds)

    def _announce(self, before: StoredSecrets) -> tuple[StoredSecrets, bool]:
        """Store that a new secret is requested; also prove that the store is writable.

        Until the announcement ends, receivers return 503 for deliveries that they cannot verify,
        so that they are retried. Also returns whether the request was already announced.
        """
        now = self.now()
        stored = before.with_request(self.name, self.nonce(), now, _ANNOUNCED_SECONDS)
        self.store.write(stored.render())
        # A receiver without any secret always returns 503, so it needs no announcement.
        if before.secrets.current(now) and self.store.propagation_seconds:
            seconds = self.store.propagation_seconds
            self.notify(f"Waiting {seconds:g} s until every receiver has read the announcement...")
            self.sleep(seconds)
        return stored, stored.request == before.request

    def _store_secret(
        self, announced: StoredSecrets, new: NewSecret, grace_seconds: float
    ) -> datetime | None:
        """Store the secret, unless another process wrote since the announcement."""
        stored, now = self.load(), self.now()
        is_stored = stored.secrets.current(now)[:1] == (new.value,) and not stored.request
        if is_stored:
            return _find_last_end(stored, now)  # by a run that received the same response
        if stored.request != announced.request:
            return None
        updated = stored.with_secret(new.webhook_id, new.value, now, grace_seconds)
        if not self.store.write(updated.render()):
            return None
        return _find_last_end(updated, now)


def _find_last_end(stored: StoredSecrets, now: datetime) -> datetime:
    """Return the end of the old secret that ends last."""
    return max((secret.until for secret in stored.secrets.secrets if secret.until), default=now)


def _build_key(action: str, nonce: str, content: str) -> str:
    """Build the idempotency key of a request. Another content is another request."""
    digest = hashlib.sha256(f"{action}\n{nonce}\n{content}".encode()).hexdigest()
    return f"videovector-bridge-{action}-{digest}"
