"""The checks of Google Cloud, or of what the local stack has in its place."""

from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

from videovector_bridge.backends.inventory_port import Inventory, Resource
from videovector_bridge.cli.operate.doctor.context import SECONDS, CheckContext, attempt, only_cloud
from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.deployment import DeployedSubscription, source_bucket
from videovector_bridge.watch.doctor import resources
from videovector_bridge.watch.doctor.finding import Finding

PROBES: Final = "probes"
"""The collection of the document that `check_firestore` writes and deletes."""
_KEEP_SECONDS: Final = 3_600.0


def check_topics(context: CheckContext) -> Iterator[Finding]:
    """Whether every topic exists."""
    deployment, inventory = context.target.deployment, context.target.inventory
    if inventory is None:
        yield only_cloud()
        return
    for name, id_ in deployment.topics.items():
        yield from _exists(name, Resource("topic", id_), inventory, deployment.backend.project)


def check_subscriptions(context: CheckContext) -> Iterator[Finding]:
    """Whether every subscription exists, and is as described and as the automations need."""
    inventory = context.target.inventory
    if inventory is None:
        yield from _check_embedded(context)
        return
    for each in context.target.deployment.subscriptions:
        yield from _check_subscription(context, inventory, each)


def _check_subscription(
    context: CheckContext, inventory: Inventory, described: DeployedSubscription
) -> Iterator[Finding]:
    deployment = context.target.deployment
    actions = {each.name: each.action for each in deployment.functions if each.action}
    # The local stack applies filters itself: its subscriptions have none.
    action = "" if context.target.is_local else actions.get(described.function, "")
    needed = context.filters.get(action) if action else None
    return attempt(
        described.name,
        lambda: inventory.subscription(described.id, timeout=SECONDS),
        lambda stored: resources.judge_subscription(described, stored, deployment, needed),
    )


def _check_embedded(context: CheckContext) -> Iterator[Finding]:
    """Check the pull subscriptions; pushes exist in the memory of the local stack only."""
    deployment = context.target.deployment
    pulled = {name for each in deployment.functions for name in each.pulls}
    ids = [each.id for each in deployment.subscriptions]
    stored = context.target.backlogs.read(ids, timeout=SECONDS)
    yield only_cloud("that push")
    for each in deployment.subscriptions:
        if not each.function or each.name in pulled:
            yield resources.judge_existence(each.name, exists=each.id in stored)


def check_firestore(context: CheckContext) -> Iterator[Finding]:
    """Write, read and delete a document."""
    target, id_ = context.target, f"doctor-{token_hex(8)}"
    documents = target.backend.documents
    database = target.deployment.backend.firestore_database
    try:
        written = documents.write(
            PROBES,
            id_,
            {"by": "doctor"},
            replaces=None,
            timeout=SECONDS,
            keep_seconds=_KEEP_SECONDS,
        )
        read = documents.read(PROBES, id_, timeout=SECONDS)
        target.collections.delete(PROBES, id_, replaces=read or written, timeout=SECONDS)
    except BackendError as error:
        text = clean_text(str(error), limit=500)
        fix = "grant roles/datastore.user on the project; make deploy creates the database"
        yield Finding(database, "wrong", text, fix)
        return
    if read is None:
        yield Finding(database, "wrong", "a document that was written is not there", "report a bug")
    else:
        yield Finding(database, "ok", "a document was written, read and deleted")


def check_ttl(context: CheckContext) -> Iterator[Finding]:
    """Whether documents that are no longer needed are removed."""
    inventory = context.target.inventory
    if inventory is None:
        yield only_cloud()
        return
    for collection, field in resources.TTL_FIELDS.items():
        yield from _check_ttl(inventory, collection, field)


def _check_ttl(inventory: Inventory, collection: str, field: str) -> Iterator[Finding]:
    return attempt(
        f"{collection}.{field}",
        lambda: inventory.ttl_state(collection, field, timeout=SECONDS),
        lambda state: resources.judge_ttl(collection, field, state),
    )


def check_buckets(context: CheckContext) -> Iterator[Finding]:
    """Whether every bucket exists."""
    deployment, inventory = context.target.deployment, context.target.inventory
    backend = deployment.backend
    names = {
        "claims": backend.claim_bucket,
        "previews": backend.preview_bucket,
        "archive": deployment.archive_bucket,
    }
    if not context.target.is_local:
        names["source"] = source_bucket(backend.project, deployment.prefix)
    if inventory is None:
        yield only_cloud()
        return
    for name, id_ in names.items():
        if id_:
            yield from _exists(name, Resource("bucket", id_), inventory)


def _exists(
    name: str, resource: Resource, inventory: Inventory, project: str = ""
) -> Iterator[Finding]:
    return attempt(
        name,
        lambda: inventory.exists(resource, timeout=SECONDS),
        lambda exists: resources.judge_existence(name, exists=exists, project=project),
    )


def check_secrets(context: CheckContext) -> Iterator[Finding]:
    """Whether the secrets have enabled versions, and how old the newest is."""
    deployment, inventory = context.target.deployment, context.target.inventory
    if context.target.is_local or inventory is None:
        yield only_cloud()
        return
    names = {"API key": deployment.api_key_secret, "webhook": deployment.webhook_secret}
    for name, secret in names.items():
        yield from _check_secret(inventory, name, secret)


def _check_secret(inventory: Inventory, name: str, secret: str) -> Iterator[Finding]:
    return attempt(
        name,
        lambda: inventory.secret_versions(secret, timeout=SECONDS),
        lambda versions: resources.judge_secret(name, versions, datetime.now(UTC), secret),
    )


def check_versions(context: CheckContext) -> Iterator[Finding]:
    """Whether this command, its source tree and the deployment agree."""
    if context.target.is_local:
        yield only_cloud()
        return
    try:
        source = context.read_source()
    except SettingsError as error:
        yield Finding("source", "not checked", str(error))
        return
    yield from resources.judge_versions(context.target.deployment, *source)
