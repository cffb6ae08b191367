"""The content of a secret store, as text and as a value. All functions are pure.

The secrets are lines for `webhook_secrets`; two comment lines are for the command line only.
`# webhook NAME ID` names the webhook of the newest secret. `# request NONCE TIME` says when a new
secret was requested whose response may be lost. The idempotency key of that request follows from
the nonce, so the next run can repeat the request.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import quote, unquote

from videovector_bridge.webhook_secrets import WebhookSecrets, read_time, write_time

_OWNER = re.compile(r"# webhook (\S+)(?: (\S+))?")
_REQUEST = re.compile(r"# request ([0-9a-f]{32})(?: (\S+))?")


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """Secrets, their webhook (name and id, empty if unknown), and an unfinished request.

    `request` is the nonce of that request, or empty. `requested_at` is the time of its first
    announcement, or None if unknown.
    """

    secrets: WebhookSecrets = field(default_factory=WebhookSecrets)
    name: str = ""
    webhook_id: str = ""
    request: str = ""
    requested_at: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a store. Raises `SettingsError` with every wrong line."""
        name = webhook_id = request = ""
        requested_at: datetime | None = None
        for line in map(str.strip, text.split("\n")):
            if owner := _OWNER.fullmatch(line):
                name, webhook_id = unquote(owner[1]), unquote(owner[2] or "")
            elif requested := _REQUEST.fullmatch(line):
                request, requested_at = requested[1], read_time(requested[2] or "")
        return cls(WebhookSecrets.parse(text), name, webhook_id, request, requested_at)

    def render(self) -> str:
        """Return the text for `parse`."""
        lines = ""
        if self.name:
            owner = f"{quote(self.name, safe='')} {quote(self.webhook_id, safe='')}"
            lines += f"# webhook {owner.strip()}\n"
        if self.request:
            time = f" {write_time(self.requested_at)}" if self.requested_at else ""
            lines += f"# request {self.request}{time}\n"
        return lines + self.secrets.render()

    def has_secret_of(self, webhook_id: str, now: datetime) -> bool:
        """Whether the newest secret is this webhook's. A secret without an owner counts too."""
        return (
            bool(self.secrets.current(now))
            and not self.request
            and self.webhook_id in ("", webhook_id)
        )

    def with_request(self, name: str, nonce: str, now: datetime, seconds: float) -> Self:
        """Announce a request for a new secret, for `seconds` from `now`.

        A request that was announced less than `seconds` ago keeps its nonce, so that repeating it
        returns the same response. An older response may be outdated, so the request gets `nonce`.
        """
        requested_at = now
        if (
            self.request
            and self.requested_at
            and now < self.requested_at + timedelta(seconds=seconds)
        ):
            nonce, requested_at = self.request, self.requested_at
        secrets = self.secrets.announce(now, seconds)
        return replace(self, secrets=secrets, name=name, request=nonce, requested_at=requested_at)

    def without_request(self) -> Self:
        """Remove the unfinished request, so that the next one gets another nonce."""
        return replace(self, request="", requested_at=None)

    def with_secret(
        self, webhook_id: str, secret: str, now: datetime, grace_seconds: float
    ) -> Self:
        """Add the requested secret as the newest; older secrets end after the grace period."""
        secrets = self.secrets.rotated(secret, now, grace_seconds)
        return replace(self, secrets=secrets, webhook_id=webhook_id).without_request()
