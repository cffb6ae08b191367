"""What a store of secrets holds, as text and as a value. All of it is pure.

The secrets are lines for `webhook_secrets`; ours are comments to it. `# webhook NAME ID` says
whose the newest secret is. `# request NONCE TIME` says that a new secret was asked for, when, and
perhaps never arrived: from its nonce follows the same idempotency key again.
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
    """Secrets, whose they are (empty: not said), and the nonce of a request under way, or empty.

    `requested_at` is when that request was announced first; None where it is not said.
    """

    secrets: WebhookSecrets = field(default_factory=WebhookSecrets)
    name: str = ""
    webhook_id: str = ""
    request: str = ""
    requested_at: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises `SettingsError` naming every wrong line."""
        name = webhook_id = request = ""
        requested_at: datetime | None = None
        for line in map(str.strip, text.split("\n")):
            if owner := _OWNER.fullmatch(line):
                name, webhook_id = unquote(owner[1]), unquote(owner[2] or "")
            elif asked := _REQUEST.fullmatch(line):
                request, requested_at = asked[1], read_time(asked[2] or "")
        return cls(WebhookSecrets.parse(text), name, webhook_id, request, requested_at)

    def render(self) -> str:
        """The text that `parse` reads back as this."""
        lines = ""
        if self.name:
            owner = f"{quote(self.name, safe='')} {quote(self.webhook_id, safe='')}"
            lines += f"# webhook {owner.strip()}\n"
        if self.request:
            time = f" {write_time(self.requested_at)}" if self.requested_at else ""
            lines += f"# request {self.request}{time}\n"
        return lines + self.secrets.render()

    def knows(self, webhook_id: str, now: datetime) -> bool:
        """Whether the newest secret is that webhook's. One put here by hand is taken to be."""
        return (
            bool(self.secrets.current(now))
            and not self.request
            and self.webhook_id in ("", webhook_id)
        )

    def announced(self, name: str, nonce: str, now: datetime, seconds: float) -> Self:
        """With a request for a new secret announced for so many seconds.

        One that was announced less than those seconds ago keeps its nonce, so that a request that
        was already made is not made again; an older answer may be out of date, so it gets another.
        """
        asked_at = now
        if (
            self.request
            and self.requested_at
            and now < self.requested_at + timedelta(seconds=seconds)
        ):
            nonce, asked_at = self.request, self.requested_at
        secrets = self.secrets.announce(now, seconds)
        return replace(self, secrets=secrets, name=name, request=nonce, requested_at=asked_at)

    def without_request(self) -> Self:
        """With no request under way, so that the next is another."""
        return replace(self, request="", requested_at=None)

    def learned(self, webhook_id: str, secret: str, now: datetime, grace_seconds: float) -> Self:
        """With the secret that was asked for; those before it end after the grace period."""
        secrets = self.secrets.rotated(secret, now, grace_seconds)
        learned = replace(self, secrets=secrets, webhook_id=webhook_id)
        return learned.without_request()
