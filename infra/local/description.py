"""The description of the local stack, in the form that a deployment has.

`videovector_bridge.settings.deployment` defines it, and commands with `--local` read it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.local.configuration import Configuration
from infra.local.topology import Topology
from videovector_bridge.environment import Environment
from videovector_bridge.settings.cloud import read_lanes
from videovector_bridge.settings.deployment import FORMAT


def describe_stack(
    configuration: Configuration,
    topology: Topology,
    environment: Mapping[str, str],
    *,
    api_url: str,
    urls: Mapping[str, str],
    webhook_secrets: Path | None = None,
) -> dict[str, Any]:
    """Return the description. `environment` is the functions' own, `urls` has theirs by name.

    `webhook_secrets` is the file with the secret of the stand-in's webhook.
    """
    backend = configuration.drain.backend
    names = configuration.topic_names
    topics = {**{topic: topic for topic in topology.topics}, **names}
    short = {topic: name for name, topic in topics.items()}
    emulated = environment["BACKEND"] == "gcp"
    return {
        "format": FORMAT,
        "backend": environment["BACKEND"],
        "embedded_dir": environment.get("EMBEDDED_DIR", ""),
        "project": environment.get("GOOGLE_CLOUD_PROJECT", ""),
        "prefix": "",
        "region": "local",
        "version": "local",
        "source_hash": "local",
        "firestore_database": backend.firestore_database,
        "pubsub_endpoint": "",
        "api_base_url": api_url,
        "lanes": read_lanes(Environment(environment)),
        "api_key_secret": "",
        "webhook_secret": "",
        "webhook_secrets_file": str(webhook_secrets or ""),
        "topics": {name: topic for name, topic in topics.items() if name in short.values()},
        "buckets": {"claims": backend.claim_bucket, "previews": backend.preview_bucket},
        "subscriptions": {
            each.name: {
                "id": each.name,
                "topic": short[each.topic],
                "function": each.function or each.reader,
                "filter": each.filter,
            }
            for each in topology.subscriptions
        },
        "functions": {
            name: {
                "id": name,
                "url": urls.get(name, ""),
                "account": "",
                "action": use.get("action", ""),
                "publishes": use.get("publishes", []),
                "pulls": [
                    each.name
                    for each in topology.subscriptions
                    # Beside the emulators, the stack pulls for the functions, and pushes itself.
                    if name in (each.reader, each.function if emulated else "")
                ],
                "secrets": use.get("secrets", []),
                "state": _state(use.get("state")),
                "buckets": use.get("buckets", []),
            }
            for name, use in topology.uses.items()
        },
        "streams": {
            name: {
                "profile": "live" if configuration.live else "economy",
                "schedule": "",
                "window_seconds": stream.window.window_seconds,
                "filters": asdict(stream.filters),
            }
            for name, stream in configuration.drain.streams.items()
        },
        "schedules": find_pauses(configuration, topology),
        "archive_bucket": "",
        "bigquery_table": "",
    }


def find_pauses(configuration: Configuration, topology: Topology) -> dict[str, float]:
    """Return the seconds between two calls of `reconcile` and `canary`; empty without a scheduler.

    In proportion to those of `drain`. They act on webhooks at VideoVector, so on a real account
    they need a permission too.
    """
    if not (configuration.schedule_seconds and configuration.effects_allowed):
        return {}
    every = {each.function: each.every_seconds for each in topology.schedules}
    scale = configuration.schedule_seconds / every["drain"]
    return {name: scale * seconds for name, seconds in every.items() if name != "drain"}


def _state(use: object) -> str:
    """Return the access to Firestore: true means write, "read" means read."""
    return "write" if use is True else str(use or "none")
