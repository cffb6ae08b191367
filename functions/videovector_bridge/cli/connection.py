"""The connection to VideoVector that every command uses."""

import random
import time
from datetime import UTC, datetime

from videovector_bridge.api import RetryPolicy
from videovector_bridge.api.transport import Pool, Transport
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.settings import ApiSettings


def open_client(settings: ApiSettings) -> WebhooksClient:
    """Return a client of webhooks. Connects nothing yet."""
    transport = Transport(
        base_url=settings.base_url,
        key=settings.key.current,
        pool=Pool(),
        policy=RetryPolicy(),
        timeout_seconds=settings.timeout_seconds,
        user_agent="videovector-bridge-cli",
        sleep=time.sleep,
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
        random=random.random,
    )
    return WebhooksClient(transport)
