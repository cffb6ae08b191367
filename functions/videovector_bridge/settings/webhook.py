"""The settings of `receive_webhook`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.events import MAX_DATA_BYTES
from videovector_bridge.secret import Secret
from videovector_bridge.settings.api import host_of, read_base_url
from videovector_bridge.settings.cloud import (
    SECRET_NAME,
    BackendSettings,
    TopicNames,
    read_backend,
    read_lanes,
    read_topics,
)
from videovector_bridge.webhook_secrets import CurrentSecrets

# The id of a webhook becomes part of a URL and of a log line.
WEBHOOK_ID: Final = re.compile(r"[!-~]{1,200}")
# Where the secrets are: a text, a file, or Secret Manager.
_SECRETS: Final = ("WEBHOOK_SECRETS", "WEBHOOK_SECRETS_FILE", "WEBHOOK_SECRETS_NAME")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The settings of `receive_webhook`.

    `secrets` are read again when they change; a text is the full name of a secret in Secret
    Manager that has them. `ids` are the allowed webhooks; empty: any.
    `max_deliveries` is how many deliveries one instance publishes at once.
    """

    api_host: str
    backend: BackendSettings
    topics: TopicNames
    secrets: CurrentSecrets | str
    ids: frozenset[str]
    lanes: int
    max_bytes: int
    max_deliveries: int
    publish_seconds: float


def webhook_settings(environ: Mapping[str, str]) -> WebhookSettings:
    """Read the settings of `receive_webhook`. Raises `SettingsError` naming every wrong variable.

    A missing or empty file of secrets is not wrong: it may be written a moment later. A secret in
    Secret Manager is not read here.
    """
    env = Environment(environ)
    base_url = read_base_url(env)
    backend, topics = read_backend(env), read_topics(env)
    secrets, ids = _read_secrets(env), _read_ids(env)
    lanes = read_lanes(env)
    max_bytes = env.whole("MAX_WEBHOOK_BYTES", 5_000_000, 1_024, MAX_DATA_BYTES)
    max_deliveries = env.whole("MAX_DELIVERIES", 80, 1, 1_000)
    publish_seconds = env.number("PUBLISH_SECONDS", 10, 0.1, 300)
    env.finish()
    return WebhookSettings(
        host_of(base_url),
        backend,
        topics,
        secrets,
        ids,
        lanes,
        max_bytes,
        max_deliveries,
        publish_seconds,
    )


def _read_ids(env: Environment) -> frozenset[str]:
    ids = frozenset(id_.strip() for id_ in env.text("WEBHOOK_IDS").split(",") if id_.strip())
    for id_ in sorted(ids):
        if not WEBHOOK_ID.fullmatch(id_):
            env.problems.append(
                f"WEBHOOK_IDS: {id_[:50]!r} is not 1 to 200 visible ASCII characters"
            )
    return ids


def _read_secrets(env: Environment) -> CurrentSecrets | str:
    places = {name: env.text(name) for name in _SECRETS}
    used = [name for name, text in places.items() if text]
    if not used:
        env.problems.append(f"{_SECRETS[0]} is not set (nor {' nor '.join(_SECRETS[1:])})")
    if len(used) > 1:
        env.problems.append(f"{' and '.join(used)} are set: remove all but one")
    value, file, name = places.values()
    if name:
        rule = "projects/PROJECT/secrets/NAME"
        return env.check_match("WEBHOOK_SECRETS_NAME", name, "", SECRET_NAME, rule)
    secrets = CurrentSecrets(
        Secret(value, file), f"WEBHOOK_SECRETS_FILE {file!r}" if file else "WEBHOOK_SECRETS"
    )
    if not used:
        return secrets
    try:
        if not secrets.get().secrets and not file:
            env.problems.append("WEBHOOK_SECRETS has no secret")
    except SettingsError as error:
        env.problems.extend(error.problems)
    return secrets
