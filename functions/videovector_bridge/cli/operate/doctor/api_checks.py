"""The checks of VideoVector: reachable, key, scopes, clock and webhook."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from videovector_bridge.api import Unreachable
from videovector_bridge.api.bridge_webhooks import find_bridge_name
from videovector_bridge.api.errors import ApiError
from videovector_bridge.api.models import Webhook
from videovector_bridge.api.probe import ProbeResponse
from videovector_bridge.cli.operate.doctor.context import SECONDS, CheckContext, attempt, only_cloud
from videovector_bridge.cli.stored_secrets import StoredSecrets
from videovector_bridge.errors import BackendError, BridgeError
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.deployment import Deployment
from videovector_bridge.watch.doctor import api
from videovector_bridge.watch.doctor.finding import Finding

_RECEIVER = "receive-webhook"


def check_reachable(context: CheckContext) -> Iterator[Finding]:
    """Whether VideoVector answers at all."""
    base_url = context.target.deployment.api_base_url
    try:
        response = context.open_prober().read()
    except Unreachable as error:
        text = clean_text(str(error), limit=500)
        yield Finding("", "wrong", text, "check the network and VIDEO_VECTOR_BASE_URL")
        return
    if response.status // 100 == 5:
        text = f"{base_url} returned {response.status}"
        yield Finding("", "wrong", text, "wait; if this persists, report it to VideoVector")
    else:
        yield Finding("", "ok", f"{base_url} answers")


def check_key(context: CheckContext) -> Iterator[Finding]:
    """Whether VideoVector accepts the API key."""
    response = context.open_prober().read()
    yield api.judge_key(_probed(response), context.target.deployment)


def check_scopes(context: CheckContext) -> Iterator[Finding]:
    """Whether the key has the scopes that are in use, by requests without an effect."""
    prober, deployment = context.open_prober(), context.target.deployment
    try:
        has_webhook = bool(_list_webhooks(context))
    except ApiError:
        has_webhook = False  # the key's scopes are what this check is about
    needs = api.find_needed_scopes(deployment, context.by_action, has_webhook=has_webhook)
    for scope in (each for each in api.SCOPES if each in needs):
        yield api.judge_scope(scope, needs[scope], _probed(prober.scope(scope)), deployment)


def check_clock(context: CheckContext) -> Iterator[Finding]:
    """Whether this machine's clock agrees with VideoVector's and Google's."""
    response = context.open_prober().read()
    yield api.judge_clock("VideoVector", response.server_time, datetime.now(UTC))
    inventory = context.target.inventory
    if context.target.is_local or inventory is None:
        yield only_cloud("Google")
        return
    yield from attempt(
        "Google",
        lambda: inventory.server_time(timeout=SECONDS),
        lambda time: api.judge_clock("Google", time, datetime.now(UTC)),
    )


def check_webhook(context: CheckContext) -> Iterator[Finding]:
    """Whether the bridge's webhooks are active, deliver here, and have the stored secret."""
    functions = context.target.deployment.functions
    receiver = next((each.url for each in functions if each.name == _RECEIVER), "")
    yield from api.judge_webhooks(
        _list_webhooks(context),
        receiver,
        _find_secret_owner(context.target.deployment),
        context.target.deployment.secret_option,
    )


def _list_webhooks(context: CheckContext) -> list[Webhook]:
    with context.target.open_webhooks() as client:
        return [each for each in client.list_webhooks() if find_bridge_name(each) is not None]


def _find_secret_owner(deployment: Deployment) -> str | None:
    """Return the webhook whose secret is stored; None if the store is not readable here."""
    try:
        return StoredSecrets.parse(_read_secrets(deployment)).webhook_id
    except (BridgeError, OSError, UnicodeDecodeError):
        return None


def _read_secrets(deployment: Deployment) -> str:
    if file := deployment.webhook_secrets_file:
        return Path(file).read_text(encoding="utf-8")
    if not deployment.webhook_secret:
        raise BackendError("There is no store of secrets.")
    from videovector_bridge.backends.gcp.secret_manager import LatestVersion  # noqa: PLC0415 - 200 ms

    return LatestVersion(deployment.webhook_secret).read() or ""


def _probed(response: ProbeResponse) -> api.Probed:
    return api.Probed(response.status, response.code)
