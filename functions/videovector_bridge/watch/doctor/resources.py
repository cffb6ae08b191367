"""Judge topics, subscriptions, buckets, TTL policies, secrets and versions."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from videovector_bridge.backends.inventory_port import SecretVersion, StoredSubscription
from videovector_bridge.settings.deployment import DeployedSubscription, Deployment
from videovector_bridge.watch.doctor.finding import Finding

OLD_SECRET: Final = timedelta(days=365)
TTL_FIELDS: Final = dict.fromkeys(("effects", "finished", "open", "probes"), "expire_at")
"""Collection -> field with a TTL policy."""
_DEPLOY: Final = "make deploy"


def judge_existence(subject: str, *, exists: bool, project: str = "") -> Finding:
    """Judge whether a topic or bucket exists."""
    if exists:
        return Finding(subject, "ok", "it exists")
    where = f" in project {project}" if project else ""
    return Finding(subject, "wrong", f"it does not exist{where}", _DEPLOY)


def judge_subscription(
    described: DeployedSubscription,
    stored: StoredSubscription | None,
    deployment: Deployment,
    needed_filter: str | None,
) -> Iterator[Finding]:
    """Judge a subscription against the description and the automations.

    `needed_filter` is derived from the automations; None if nothing derives it.
    """
    subject = described.name
    if stored is None:
        yield Finding(subject, "wrong", f"subscription {described.id} does not exist", _DEPLOY)
        return
    problems = list(_find_problems(described, stored, deployment))
    for problem in problems:
        yield Finding(subject, "wrong", problem, _DEPLOY)
    if needed_filter is not None and stored.filter != needed_filter:
        yield Finding(
            subject,
            "wrong",
            f"its filter is not the one that the automations need: {stored.filter or 'none'!r}",
            "videovector-bridge automations filters --topology infra/topology.json --write; "
            "make deploy",
        )
    elif not problems:
        yield Finding(subject, "ok", _describe(stored))


def _find_problems(
    described: DeployedSubscription, stored: StoredSubscription, deployment: Deployment
) -> Iterator[str]:
    """Yield what differs from the description. The filter has a finding of its own."""
    topic = deployment.topics.get(described.topic, described.topic)
    if _short(stored.topic) != topic:
        yield f"it is of topic {_short(stored.topic)!r}, not {topic!r}"
    if stored.state not in ("", "ACTIVE", "STATE_UNSPECIFIED"):
        yield f"its state is {stored.state}"
    function = next((e for e in deployment.functions if e.name == described.function), None)
    pulls = function is not None and described.name in function.pulls
    if function is None or pulls:
        if stored.push_endpoint:
            yield "it pushes, but should be pulled"
        return
    if stored.push_endpoint.rstrip("/") != function.url.rstrip("/"):
        yield f"it pushes to {stored.push_endpoint or 'nothing'}, not to {function.url}"
    dead_letters = deployment.topics.get("dead-letters", "dead-letters")
    if _short(stored.dead_letter_topic) != dead_letters:
        yield f"its dead-letter topic is {_short(stored.dead_letter_topic) or 'none'!r}"
    elif stored.max_delivery_attempts < 5:
        yield f"it has {stored.max_delivery_attempts} delivery attempts; Pub/Sub's least is 5"


def _describe(stored: StoredSubscription) -> str:
    if not stored.push_endpoint:
        return "it exists, and is pulled"
    attempts = stored.max_delivery_attempts
    return f"it pushes to its function, and dead-letters after {attempts} attempts"


def judge_ttl(collection: str, field: str, state: str) -> Finding:
    """Judge the TTL policy of a field."""
    subject = f"{collection}.{field}"
    if state == "ACTIVE":
        return Finding(subject, "ok", "its TTL policy is active")
    if state == "CREATING":
        return Finding(subject, "ok", "its TTL policy is being created")
    text = f"its TTL policy is {state}" if state else "it has no TTL policy: documents stay forever"
    return Finding(subject, "wrong", text, _DEPLOY)


def judge_secret(
    subject: str, versions: Sequence[SecretVersion] | None, now: datetime, secret: str
) -> Finding:
    """Judge the versions of a secret, the newest first."""
    name, project = secret.rpartition("/")[2], secret.split("/")[1]
    add = f"gcloud secrets versions add {name} --data-file=- --project={project}"
    if versions is None:
        return Finding(subject, "wrong", f"{secret} does not exist", _DEPLOY)
    enabled = [each for each in versions if each.enabled]
    if not enabled:
        return Finding(subject, "wrong", "it has no enabled version", add)
    newest = enabled[0]
    if not versions[0].enabled:
        text = "its latest version is not enabled, and functions read the latest one"
        return Finding(subject, "wrong", text, add)
    age = now - newest.created_at
    count = f"{len(enabled)} enabled version" + ("s" if len(enabled) > 1 else "")
    text = f"{count}, the newest {age.days} days old"
    if age > OLD_SECRET:
        return Finding(subject, "wrong", f"{text}: rotate it once a year", add)
    return Finding(subject, "ok", text)


def judge_versions(deployment: Deployment, version: str, source_hash: str) -> Iterator[Finding]:
    """Judge the deployed version and source against this command's; `source_hash` may be empty."""
    deployed = f"version {deployment.version} is deployed, this command is {version}"
    if deployment.version == version:
        yield Finding("version", "ok", deployed)
    else:
        yield Finding("version", "wrong", deployed, _DEPLOY)
    if not source_hash:
        yield Finding("source", "not checked", "no source tree here")
    elif source_hash == deployment.source_hash:
        yield Finding("source", "ok", "the source of this tree is deployed")
    else:
        text = f"source {deployment.source_hash[:12]} is deployed, this tree is {source_hash[:12]}"
        yield Finding("source", "wrong", text, _DEPLOY)


def _short(path: str) -> str:
    return path.rpartition("/")[2]
