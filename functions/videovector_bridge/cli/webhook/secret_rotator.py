"""Asking VideoVector for a secret so that none is lost: announced before, stored at once after.

A process that dies anywhere leaves a store that says so, and the next one ends what it began.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from videovector_bridge.api import Conflict, NewSecret, Webhook
from videovector_bridge.api.errors import RequestRefused, UnexpectedResponse
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.cli.webhook.secret_store import SecretStore
from videovector_bridge.cli.webhook.stored_secrets import StoredSecrets
from videovector_bridge.cli.webhook.webhook_spec import Wanted, shown_name
from videovector_bridge.errors import SettingsError

# Longer than every retry of a request, and than it takes to see a run fail and start another.
_ANNOUNCED_SECONDS = 900.0
# So often is a secret asked for anew when others are at it too.
_ROUNDS = 3


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SecretKeeper:
    """The secrets of the webhook `name` in a store. `tell` tells the operator what takes long."""

    name: str
    store: SecretStore
    tell: Callable[[str], None]
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    nonce: Callable[[], str] = field(default=lambda: secrets.token_hex(16))

    def load(self) -> StoredSecrets:
        """What is stored. Raises `SettingsError` if it is another webhook's, or not readable."""
        try:
            stored = StoredSecrets.parse(self.store.read())
        except SettingsError as error:
            problems = [f"{self.store}: {problem}" for problem in error.problems]
            raise SettingsError(problems) from None
        if stored.name not in ("", self.name):
            problem = (
                f"{self.store} holds the secrets of the webhook {stored.name!r}, not of "
                f"{self.name!r}: give each a store of its own, or name the right one"
            )
            raise SettingsError([problem])
        return stored

    def create(self, client: WebhooksClient, wanted: Wanted, grace_seconds: float) -> Webhook:
        """Make the webhook and store its secret. Made twice, it is the same webhook."""
        wish = f"{wanted.name} {wanted.url} {wanted.events} {wanted.index_ids}"
        made: list[Webhook] = []

        def ask(nonce: str) -> NewSecret:
            webhook, secret = client.create(
                name=shown_name(wanted.name),
                url=wanted.url,
                events=wanted.events,
                index_ids=wanted.index_ids,
                metadata=wanted.metadata,
                idempotency_key=_key("create", nonce, wish),
            )
            made.append(webhook)
            return secret

        with self.store.held():
            ends = self._learn(ask, grace_seconds)
        if ends is None:
            # Others write there too: the webhook that there is now gets another secret.
            self.rotate(client, made[-1].webhook_id, grace_seconds)
        return made[-1]

    def rotate(self, client: WebhooksClient, webhook_id: str, grace_seconds: float) -> datetime:
        """Give the webhook a new secret and store it; return when those before it end.

        Raises `NotReachedError` if others keep doing the same.
        """

        def ask(nonce: str) -> NewSecret:
            key = _key("rotate", nonce, webhook_id)
            return client.rotate_secret(webhook_id, idempotency_key=key)

        with self.store.held():
            for _ in range(_ROUNDS):
                ends = self._learn(ask, grace_seconds)
                if ends is not None:
                    return ends
                self.tell(f"Somebody else wrote to {self.store} meanwhile: rotating once more...")
        raise NotReachedError(
            f"Others keep writing to {self.store}, so that it may not hold the newest secret. Run "
            "`videovector-bridge webhook rotate` when they have ended."
        )

    def _learn(self, ask: Callable[[str], NewSecret], grace_seconds: float) -> datetime | None:
        """Ask for a secret and store it; None if somebody else may have got a newer one."""
        stored, again = self._announce(self.load())
        try:
            secret = ask(stored.request)
        except (Conflict, RequestRefused, UnexpectedResponse) as error:
            if not again:
                raise
            # What an earlier run asked for cannot be asked for again.
            self.tell(f"VideoVector does not repeat its answer ({error}); asking anew...")
            stored, _ = self._announce(stored.without_request())
            secret = ask(stored.request)
        return self._keep(stored, secret, grace_seconds)

    def _announce(self, before: StoredSecrets) -> tuple[StoredSecrets, bool]:
        """Write that a new secret is asked for: also the proof that it can be stored.

        Until the announcement ends, receivers ask for what they cannot verify to come again. Also
        returns whether the request was announced before.
        """
        now = self.now()
        stored = before.announced(self.name, self.nonce(), now, _ANNOUNCED_SECONDS)
        self.store.write(stored.render())
        # Receivers without any secret ask for everything to come again, announced or not.
        if before.secrets.current(now) and self.store.settle_seconds:
            seconds = self.store.settle_seconds
            self.tell(f"Waiting {seconds:g} s until every receiver has read the announcement...")
            self.sleep(seconds)
        return stored, stored.request == before.request

    def _keep(
        self, announced: StoredSecrets, new: NewSecret, grace_seconds: float
    ) -> datetime | None:
        """Store the secret, unless somebody else wrote since it was asked for."""
        stored, now = self.load(), self.now()
        known = stored.secrets.current(now)[:1] == (new.value,) and not stored.request
        if known:
            return _last_end(stored, now)  # by a run that got the same answer
        if stored.request != announced.request:
            return None
        learned = stored.learned(new.webhook_id, new.value, now, grace_seconds)
        if not self.store.write(learned.render()):
            return None
        return _last_end(learned, now)


def _last_end(stored: StoredSecrets, now: datetime) -> datetime:
    """When the last of the old secrets ends."""
    return max((each.until for each in stored.secrets.secrets if each.until), default=now)


def _key(action: str, nonce: str, wish: str) -> str:
    """The idempotency key of a request: another wish is another request."""
    digest = hashlib.sha256(f"{action}\n{nonce}\n{wish}".encode()).hexdigest()
    return f"videovector-bridge-{action}-{digest}"
