"""What a store of secrets holds, as text and as a value. All of it is pure.

The secrets are lines for `webhook_secrets`; ours are comments to it. `# webhook NAME ID` says
whose the newest secret is. `# request NONCE` says that a new secret was asked for and perhaps
never arrived: from its nonce follows the same idempotency key again.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self
from urllib.parse import quote, unquote

from videovector_bridge.webhook_secrets import WebhookSecrets

_OWNER = re.compile(r"# webhook (\S+)(?: (\S+))?")
_REQUEST = re.compile(r"# request ([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """Secrets, whose they are (empty: not said), and the nonce of a request under way, or empty."""

    secrets: WebhookSecrets = field(default_factory=WebhookSecrets)
    name: str = ""
    webhook_id: str = ""
    request: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises `SettingsError` naming every wrong line."""
        name = webhook_id = request = ""
        for line in map(str.strip, text.split("\n")):
            if owner := _OWNER.fullmatch(line):
                name, webhook_id = unquote(owner[1]), unquote(owner[2] or "")
            elif asked := _REQUEST.fullmatch(line):
                request = asked[1]
        return cls(WebhookSecrets.parse(text), name, webhook_id, request)

    def render(self) -> str:
        """The text that `parse` reads back as this."""
        lines = ""
        if self.name:
            owner = f"{quote(self.name, safe='')} {quote(self.webhook_id, safe='')}"
            lines += f"# webhook {owner.strip()}\n"
        if self.request:
            lines += f"# request {self.request}\n"
        return lines + self.secrets.render()

    def knows(self, webhook_id: str, now: datetime) -> bool:
        """Whether the newest secret is that webhook's. One put here by hand is taken to be."""
        return (
            bool(self.secrets.current(now))
            and not self.request
            and self.webhook_id in ("", webhook_id)
        )

    def announced(self, name: str, nonce: str, now: datetime, seconds: float) -> Self:
        """With a request for a new secret announced.

        One that is still announced keeps its nonce, so that a request that was already made is
        not made again; an older answer may be out of date, so it gets another.
        """
        if self.request and self.secrets.rotating(now):
            nonce = self.request
        secrets = self.secrets.announce(now, seconds)
        return replace(self, secrets=secrets, name=name, request=nonce)

    def learned(self, webhook_id: str, secret: str, now: datetime, grace_seconds: float) -> Self:
        """With the secret that was asked for; those before it end after the grace period."""
        secrets = self.secrets.rotated(secret, now, grace_seconds)
        return replace(self, secrets=secrets, webhook_id=webhook_id, request="")
