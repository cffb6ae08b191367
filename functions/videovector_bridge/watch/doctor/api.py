"""Judge what VideoVector answers: the key, its scopes, the clocks and the webhooks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from videovector_bridge.api.models import Webhook
from videovector_bridge.settings.deployment import Deployment
from videovector_bridge.watch.doctor.finding import Finding

LARGEST_SKEW: Final = timedelta(seconds=60)
SCOPES: Final = ("search", "read", "write", "admin")
"""Each includes the ones before it ("Auth and API keys")."""

# Actions that need more than `read`.
_SCOPE_OF_ACTION: Final = {
    "upsert_marker": "write",
    "delete_marker": "admin",
    "search": "search",
}
_NEW_KEY: Final = "gcloud secrets versions add {secret} --data-file=- --project={project}"


@dataclass(frozen=True, slots=True)
class Probed:
    """The response to a request that changes nothing: its status and VideoVector's error code."""

    status: int
    code: str = ""


def judge_key(probed: Probed, deployment: Deployment) -> Finding:
    """Judge the response to a request with the key."""
    if probed.status == 401:
        return Finding("", "wrong", "VideoVector refuses the API key (401)", _fix_key(deployment))
    if probed.status // 100 in (2, 4) and probed.status not in (404, 429):
        return Finding("", "ok", "VideoVector accepts the API key")
    text = f"VideoVector returned {probed.status}"
    if probed.status == 404:
        fix = "correct VIDEO_VECTOR_BASE_URL (variable api_base_url), and deploy: make deploy"
        return Finding("", "wrong", f"{text}: the address lacks its /api/v2, or is not an API", fix)
    return Finding("", "not checked", text)


def find_needed_scopes(
    deployment: Deployment, by_action: Mapping[str, int] | None, *, has_webhook: bool
) -> dict[str, list[str]]:
    """Return each scope that is needed, with what needs it.

    Without automations (None), every deployed action counts.
    """
    needs: dict[str, list[str]] = {}
    if deployment.streams:
        needs.setdefault("read", []).append("draining")
    for function in deployment.functions:
        action = function.action
        if action and (by_action is None or by_action.get(action)):
            needs.setdefault(_SCOPE_OF_ACTION.get(action, "read"), []).append(action)
        if function.name == "reconcile":
            needs.setdefault("read", []).append("reconcile")
            if has_webhook:
                needs.setdefault("write", []).append("reconcile (retries deliveries)")
        if function.name == "canary" and has_webhook:
            needs.setdefault("write", []).append("canary (tests webhooks)")
    return needs


def judge_scope(
    scope: str, users: Sequence[str], probed: Probed, deployment: Deployment
) -> Finding:
    """Judge the response to a request that needs a scope and is refused for another reason."""
    what = f"{scope} for {', '.join(users)}"
    if probed.status == 403:
        return Finding(
            scope, "wrong", f"the key lacks the scope {what} (403)", _fix_key(deployment)
        )
    if probed.status // 100 == 2 or probed.status in (400, 404, 409, 422):
        return Finding(scope, "ok", f"{what}: inferred from {probed.status}, which is not 403")
    return Finding(scope, "not checked", f"{what}: VideoVector returned {probed.status}")


def judge_clock(subject: str, theirs: datetime | None, ours: datetime) -> Finding:
    """Judge the difference between this machine's clock and the header `Date` of a response."""
    if theirs is None:
        return Finding(subject, "not checked", "the response has no header Date")
    skew = ours - theirs
    seconds = round(abs(skew).total_seconds())
    word = "ahead of" if skew > timedelta(0) else "behind"
    if abs(skew) <= LARGEST_SKEW:
        return Finding(subject, "ok", f"this machine's clock differs by {seconds} s")
    return Finding(
        subject,
        "wrong",
        f"this machine's clock is {seconds} s {word} {subject}'s; ages that are shown are wrong",
        "set the clock: timedatectl set-ntp true",
    )


def judge_webhooks(
    webhooks: Sequence[Webhook], receiver: str, secret_owner: str | None, secret_option: str
) -> Iterator[Finding]:
    """Judge the bridge's webhooks.

    `secret_owner` is the id of the webhook whose secret is stored: "" if unknown, None if the
    store could not be read. `secret_option` names that store for a command.
    """
    ensure = f"videovector-bridge webhook ensure --url {receiver or 'URL'} {secret_option}"
    if not webhooks:
        yield Finding("", "ok", "there is none: events come by the stream only")
    ours = [each for each in webhooks if _delivers_to(each, receiver)]
    for webhook in webhooks:
        subject = webhook.webhook_id
        if ours and webhook not in ours:
            yield Finding(subject, "ok", "it has another URL: of another deployment?")
            continue
        if webhook.status != "active":
            text = f"it is {webhook.status or 'without a status'} at VideoVector"
            yield Finding(subject, "wrong", text, ensure)
        elif not ours:
            text = "it has another URL than receive-webhook; right only with a load balancer"
            yield Finding(subject, "wrong", text, ensure)
        else:
            yield Finding(subject, "ok", "active, with the URL of receive-webhook")
        yield _judge_secret(subject, secret_owner, secret_option)


def _delivers_to(webhook: Webhook, receiver: str) -> bool:
    return bool(receiver) and webhook.url.rstrip("/") == receiver.rstrip("/")


def _judge_secret(webhook_id: str, owner: str | None, secret_option: str) -> Finding:
    subject = f"{webhook_id} secret"
    test = "videovector-bridge webhook test"
    if owner is None:
        return Finding(subject, "not checked", f"the stored secret is not readable here: {test}")
    if not owner:
        return Finding(
            subject, "not checked", f"the store does not say whose secret it has: {test}"
        )
    if owner != webhook_id:
        text = f"the newest stored secret is of webhook {owner}"
        return Finding(subject, "wrong", text, f"videovector-bridge webhook rotate {secret_option}")
    return Finding(subject, "ok", f"the store says that it is this webhook's; `{test}` proves it")


def _fix_key(deployment: Deployment) -> str:
    secret = deployment.api_key_secret
    if not secret:
        return "set VIDEO_VECTOR_API_KEY"
    return _NEW_KEY.format(secret=secret.rpartition("/")[2], project=deployment.backend.project)
