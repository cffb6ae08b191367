"""The sources of `status`: each function reads one, and raises `BridgeError`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from videovector_bridge.api.bridge_webhooks import find_bridge_name
from videovector_bridge.api.models import Delivery, Webhook
from videovector_bridge.api.retry import RetryPolicy
from videovector_bridge.api.webhooks import WebhooksClient, open_webhooks
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import SHIPPED, parse_automations
from videovector_bridge.automate.check.check import check_automations
from videovector_bridge.backends.ports import Document
from videovector_bridge.backends.reading_ports import Collections
from videovector_bridge.cli.input_files import choose_file, read_text
from videovector_bridge.cli.source_tree import find_source_hash, find_version
from videovector_bridge.cli.target import Target
from videovector_bridge.errors import BridgeError, SettingsError
from videovector_bridge.events import parse_time
from videovector_bridge.ingest.stream_document import COLLECTION as STREAMS
from videovector_bridge.pause import CHANNELS, WEBHOOK
from videovector_bridge.redact import clean_text
from videovector_bridge.watch.last_run import COLLECTION as CHECKS
from videovector_bridge.watch.status.facts import (
    AutomationFacts,
    BacklogFacts,
    OpenWorkFacts,
    SourceFacts,
    StreamDocument,
    WebhookFacts,
)
from videovector_bridge.work import OPEN

SECONDS: Final = 12.0
"""Timeout of one source."""

# A person waits.
_RETRY: Final = RetryPolicy(attempts=2, budget_seconds=8.0)
_PAGE: Final = 300
_MOST_DOCUMENTS: Final = 3_000
_DELIVERIES: Final = 100


def read_streams(target: Target) -> tuple[StreamDocument, ...]:
    """Read the documents of all streams."""
    listed, _ = _list(target.collections, STREAMS)
    return tuple(
        StreamDocument(name, document.fields, document.age_seconds) for name, document in listed
    )


def read_channel(target: Target) -> Mapping[str, Any]:
    """Read the document of the webhook channel."""
    document = target.backend.documents.read(CHANNELS, WEBHOOK, timeout=SECONDS)
    return document.fields if document is not None else {}


def read_webhooks(target: Target) -> tuple[WebhookFacts, ...]:
    """Read the bridge's webhooks at VideoVector, with their newest deliveries."""
    api = target.api
    with open_webhooks(
        api.base_url,
        api.key.current,
        retry=_RETRY,
        timeout_seconds=min(api.timeout_seconds, _RETRY.budget_seconds),
        user_agent="videovector-bridge-cli",
    ) as client:
        return tuple(
            _read_webhook(client, webhook, name)
            for webhook in client.list_webhooks()
            if (name := find_bridge_name(webhook)) is not None
        )


def _read_webhook(client: WebhooksClient, webhook: Webhook, name: str) -> WebhookFacts:
    facts = (webhook.webhook_id, name, webhook.url, webhook.status, webhook.failure_count)
    try:
        deliveries = list(islice(client.deliveries(webhook.webhook_id), _DELIVERIES))
        # Asked for apart: many newer deliveries may have succeeded since.
        failed = list(islice(client.deliveries(webhook.webhook_id, status="failed"), _DELIVERIES))
    except BridgeError as error:
        return WebhookFacts(*facts, deliveries_unread=clean_text(str(error)))
    # The order of the records is not documented.
    newest = max(deliveries, key=_delivered_at, default=None)
    return WebhookFacts(
        *facts,
        recorded=len(deliveries),
        failed=sum(each.status == "failed" for each in failed),
        last_at=_delivered_at(newest) if newest is not None else "",
        last_status=newest.status if newest is not None else "",
    )


def _delivered_at(delivery: Delivery) -> str:
    time = parse_time(delivery.last_attempt_at) or parse_time(delivery.created_at)
    return time.isoformat() if time is not None else ""


def read_backlogs(target: Target) -> Mapping[str, BacklogFacts]:
    """Read the backlog of every subscription, by its name in the topology.

    The local stack filters what it pulls: messages that a filter drops are counted until then, so
    that the age of the oldest one says nothing.
    """
    subscriptions = target.deployment.subscriptions
    backlogs = target.backlogs.read([each.id for each in subscriptions], timeout=SECONDS)
    return {
        each.name: BacklogFacts(
            backlog.messages,
            None if target.is_local and each.filter else backlog.oldest_seconds,
        )
        for each in subscriptions
        if (backlog := backlogs.get(each.id)) is not None
    }


def read_open_work(target: Target) -> OpenWorkFacts:
    """Read the work that `reconcile` watches."""
    listed, complete = _list(target.collections, OPEN)
    times = [_checked_at(document.fields) for _, document in listed]
    return OpenWorkFacts(len(listed), complete, min(filter(None, times), default=None))


def read_checks(target: Target) -> Mapping[str, Mapping[str, Any]]:
    """Read the documents of the last runs of `reconcile` and `canary`."""
    listed, _ = _list(target.collections, CHECKS)
    return {name: document.fields for name, document in listed}


def _checked_at(fields: Mapping[str, Any]) -> datetime | None:
    return parse_time(fields.get("checked_at")) or parse_time(fields.get("started_at"))


def _list(collections: Collections, collection: str) -> tuple[Sequence[tuple[str, Document]], bool]:
    """Return the documents of a collection, and whether these are all."""
    listed: list[tuple[str, Document]] = []
    while len(listed) < _MOST_DOCUMENTS:
        after = listed[-1][0] if listed else ""
        page = collections.list(collection, limit=_PAGE, after=after, timeout=SECONDS)
        listed += page
        if len(page) < _PAGE:
            return listed, True
    return listed, False


def read_automations(file: str, environ: Mapping[str, str]) -> AutomationFacts | None:
    """Read and check an automations file: `file`, else that of the environment or source tree.

    None without any. What the deployed functions have as settings is unknown here, so that mistakes
    in settings are not reported.
    """
    chosen = choose_file(file, environ)
    if not file and not Path(chosen).is_file() and Path(chosen).name == SHIPPED.name:
        return None
    text = read_text(chosen)
    needed = {setting for action in ACTIONS.values() for setting in action.needs}
    result = check_automations(text, chosen, dict.fromkeys(needed, "example-bucket"))
    first = next(iter((*result.mistakes, *result.warnings)), None)
    by_action = Counter(each.action for each in parse_automations(text, chosen).automations)
    return AutomationFacts(
        chosen,
        dict(sorted(by_action.items())),
        len(result.mistakes),
        len(result.warnings),
        clean_text(str(first)) if first is not None else "",
    )


def read_source(file: str, environ: Mapping[str, str]) -> SourceFacts | None:
    """Read the source tree of this command; None without one."""
    chosen = choose_file(file, environ)
    try:
        hash_ = find_source_hash(Path(chosen))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"the source tree cannot be read: {error}"]) from None
    return SourceFacts(find_version(), hash_) if hash_ else None
