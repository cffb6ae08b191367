"""The stand-in's webhook to the function that receives it, on this machine."""

from pathlib import Path

import httpx

from infra.local.upstream import Upstream

_ANSWER_SECONDS = 10.0


def subscribe(upstream: Upstream, url: str, secrets_file: Path) -> None:
    """Have everything that webhooks are told of delivered to `url`; keep the secret in a file."""
    with httpx.Client(
        base_url=upstream.api_url,
        headers={"X-API-Key": upstream.key},
        timeout=_ANSWER_SECONDS,
        trust_env=False,
    ) as api:
        events = api.get("/webhooks/events").raise_for_status().json()
        wanted = {"name": "local", "url": url, "events": events}
        made = api.post("/webhooks", json=wanted).raise_for_status().json()
    secrets_file.touch(mode=0o600)
    secrets_file.write_text(made["secret"] + "\n", encoding="utf-8")
