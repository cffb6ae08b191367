"""Facts of a healthy deployment, for tests that change one of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from videovector_bridge.settings.cloud import BackendSettings
from videovector_bridge.settings.deployment import (
    DeployedFunction,
    DeployedStream,
    DeployedSubscription,
    Deployment,
)
from videovector_bridge.watch.status.facts import (
    AutomationFacts,
    BacklogFacts,
    Facts,
    LetterFacts,
    OpenWorkFacts,
    SourceFacts,
    StreamDocument,
    WebhookFacts,
)

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
RECEIVER = "https://receive-webhook-abc.a.run.app"


def ago(seconds: float) -> str:
    """Return the time so long before `NOW`, as documents have it."""
    return (NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def function(name: str, **changes: Any) -> DeployedFunction:
    """Return a deployed function."""
    values: dict[str, Any] = {
        "id": name,
        "url": f"https://{name}-abc.a.run.app",
        "account": f"{name}@p.iam.gserviceaccount.com",
        "action": "",
        "publishes": ("events",),
        "pulls": (),
        "secrets": ("VIDEO_VECTOR_API_KEY",),
        "state": "write",
        "buckets": (),
    }
    return DeployedFunction(name=name, **values | changes)


DEPLOYMENT = Deployment(
    backend=BackendSettings("gcp", "p", "", "p-claims", "p-previews"),
    prefix="blue-",
    region="europe-west1",
    version="1.2.3",
    source_hash="a" * 64,
    api_base_url="https://api.example.com/api/v2",
    lanes=16,
    api_key_secret="projects/p/secrets/videovector-api-key",  # pragma: allowlist secret
    webhook_secret="projects/p/secrets/blue-videovector-webhooks",  # pragma: allowlist secret
    topics={"events": "blue-events", "rejected": "blue-rejected", "dead-letters": "blue-dl"},
    subscriptions=(
        DeployedSubscription("upsert-markers", "blue-um", "events", "upsert-markers", "F"),
        DeployedSubscription("reconcile", "blue-rec", "events", "reconcile", ""),
        DeployedSubscription("rejected", "blue-rejected", "rejected", "", ""),
        DeployedSubscription("dead-letters", "blue-dl", "dead-letters", "", ""),
    ),
    functions=(
        function("drain"),
        function("receive-webhook", state="read", secrets=("WEBHOOK_SECRETS",)),
        function("upsert-markers", action="upsert_marker", buckets=("claims:read",)),
        function("reconcile", pulls=("reconcile",)),
    ),
    streams=(DeployedStream("default", "* * * * *", 50.0, {}),),
    schedules={"reconcile": 300.0, "canary": 3_600.0},
    archive_bucket="",
    bigquery_table="",
)


def stream_document(name: str = "default", age: float = 20.0, **changes: Any) -> StreamDocument:
    """Return the document of a stream whose last window ended well; `last_window` is merged."""
    window = {
        "outcome": "drained",
        "stop_reason": "idle",
        "message": "No event arrived within the idle timeout.",
        "events": 3,
        "heartbeats": 1,
        "lag_seconds": 2.0,
        "ended_at": ago(age),
    }
    fields: dict[str, Any] = {
        "cursor": "evt_1",
        "start_from": "latest",
        "not_before": None,
        "alive_at": ago(age),
        "paused": None,
        "lease_owner": "",
        "lease_seconds": 30,
        "windows": 9,
        "last_error": None,
    }
    window |= changes.pop("last_window", {})
    return StreamDocument(name, {**fields, "last_window": window, **changes}, age)


WEBHOOK = WebhookFacts("w1", "default", RECEIVER + "/", "active", 0, 5, 0, ago(60), "delivered")

HEALTHY = Facts(
    now=NOW,
    target="--project p --prefix blue-",
    is_local=False,
    deployment=DEPLOYMENT,
    streams=(stream_document(),),
    webhooks=(WEBHOOK,),
    channel={},
    backlogs={each.name: BacklogFacts(0, None) for each in DEPLOYMENT.subscriptions},
    rejected=LetterFacts({}, complete=True),
    dead_letters=LetterFacts({}, complete=True),
    open_work=OpenWorkFacts(0, complete=True, unchecked_since=None),
    checks={"reconcile": {"at": ago(60), "asked_all_at": ago(60)}},
    automations=AutomationFacts("functions/automations.toml", {"upsert_marker": 2}, 0, 0),
    source=SourceFacts("1.2.3", "a" * 64),
)


def facts(**changes: Any) -> Facts:
    """Return the facts of a healthy deployment with changes."""
    return replace(HEALTHY, **changes)
