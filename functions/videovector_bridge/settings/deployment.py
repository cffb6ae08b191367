"""What is deployed: the description that commands of the operator read.

Terraform writes it as `deployment.json` into the bucket of the functions' source; the local stack
writes it into `build/endpoints.json`. A JSON object:

    format                1
    project, prefix, region, version, source_hash
    backend               "gcp" or "embedded"; embedded_dir
    firestore_database, pubsub_endpoint, api_base_url
    lanes                 number of ordering lanes
    api_key_secret, webhook_secret            projects/P/secrets/S, or ""
    webhook_secrets_file  of the local stack; may be missing
    topics                name in infra/topology.json -> id
    buckets               claims, previews -> name
    subscriptions         name in infra/topology.json -> {id, topic, function, filter}
    functions             name -> {id, url, account, action, publishes, pulls, secrets, state,
                          buckets}
    streams               name -> {profile, schedule, window_seconds, filters}
    schedules             other function with a schedule -> seconds between two calls
    archive_bucket        "" without an archive
    bigquery_table        "project.dataset.table", or ""

Fields that are unknown here are ignored: a newer deployment may have more.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.cloud import BackendSettings

FORMAT: Final = 1
OBJECT_NAME: Final = "deployment.json"


@dataclass(frozen=True, slots=True)
class DeployedSubscription:
    """A subscription: its name in the topology, its id, the topic's name there.

    `function` is the one that it pushes to, or that pulls it; empty for people.
    """

    name: str
    id: str
    topic: str
    function: str
    filter: str


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function: its name in the topology, its id, and what it may use.

    `state` is `none`, `read` or `write`. `action` is empty unless it serves automations. `pulls`
    and `publishes` have names of the topology, `buckets` uses such as `claims:read`.
    """

    name: str
    id: str
    url: str
    account: str
    action: str
    publishes: tuple[str, ...]
    pulls: tuple[str, ...]
    secrets: tuple[str, ...]
    state: str
    buckets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeployedStream:
    """A stream: its cron schedule (empty if unknown), and its filters as in STREAMS."""

    name: str
    schedule: str
    window_seconds: float
    filters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of the bridge. Names that a deployment lacks are empty."""

    backend: BackendSettings
    prefix: str
    region: str
    version: str
    source_hash: str
    api_base_url: str
    lanes: int
    api_key_secret: str
    webhook_secret: str
    topics: Mapping[str, str]
    subscriptions: tuple[DeployedSubscription, ...]
    functions: tuple[DeployedFunction, ...]
    streams: tuple[DeployedStream, ...]
    schedules: Mapping[str, float]
    archive_bucket: str
    bigquery_table: str
    webhook_secrets_file: str = ""

    @property
    def secret_option(self) -> str:
        """The option of `webhook` commands that names the store of the webhook's secrets."""
        if self.webhook_secrets_file:
            return f"--secret-file {shlex.quote(self.webhook_secrets_file)}"
        return f"--secret {self.webhook_secret or 'projects/PROJECT/secrets/SECRET'}"

    def subscription(self, name: str) -> DeployedSubscription:
        """Return the subscription of this name in the topology. Raises `SettingsError`."""
        for each in self.subscriptions:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.subscriptions)
        raise SettingsError([f"there is no subscription {name!r} in the deployment, only {known}"])


def source_bucket(project: str, prefix: str) -> str:
    """Return the name of the bucket that has the description of a deployment."""
    return f"{project}-{prefix}videovector-source"


def parse_deployment(content: object, where: str) -> Deployment:
    """Parse a description. Raises `SettingsError` that names `where` and the first wrong field."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SettingsError(
            [f"{where} has no description of a deployment in format {FORMAT}: deploy again"]
        )
    try:
        return _parse(content)
    except KeyError as error:
        raise SettingsError([f"{where} lacks the field {error}: deploy again"]) from None
    except (AttributeError, TypeError, ValueError) as error:
        raise SettingsError([f"{where} is not readable: {error}"]) from None


def _parse(content: Mapping[str, Any]) -> Deployment:
    buckets = content["buckets"]
    return Deployment(
        backend=BackendSettings(
            kind="embedded" if content.get("backend") == "embedded" else "gcp",
            project=content["project"],
            embedded_dir=content.get("embedded_dir", ""),
            claim_bucket=buckets.get("claims", ""),
            preview_bucket=buckets.get("previews", ""),
            firestore_database=content["firestore_database"],
            pubsub_endpoint=content["pubsub_endpoint"],
        ),
        prefix=content["prefix"],
        region=content["region"],
        version=content["version"],
        source_hash=content["source_hash"],
        api_base_url=content["api_base_url"],
        lanes=int(content["lanes"]),
        api_key_secret=content["api_key_secret"],
        webhook_secret=content["webhook_secret"],
        topics=dict(content["topics"]),
        subscriptions=tuple(
            DeployedSubscription(name, each["id"], each["topic"], each["function"], each["filter"])
            for name, each in content["subscriptions"].items()
        ),
        functions=tuple(_parse_function(name, each) for name, each in content["functions"].items()),
        streams=tuple(
            DeployedStream(
                name, each["schedule"], float(each["window_seconds"]), dict(each["filters"])
            )
            for name, each in content["streams"].items()
        ),
        schedules={name: float(seconds) for name, seconds in content["schedules"].items()},
        archive_bucket=content["archive_bucket"],
        bigquery_table=content["bigquery_table"],
        webhook_secrets_file=content.get("webhook_secrets_file", ""),
    )


def _parse_function(name: str, each: Mapping[str, Any]) -> DeployedFunction:
    return DeployedFunction(
        name=name,
        id=each["id"],
        url=each["url"],
        account=each["account"],
        action=each["action"],
        publishes=tuple(each["publishes"]),
        pulls=tuple(each["pulls"]),
        secrets=tuple(each["secrets"]),
        state=each["state"],
        buckets=tuple(each["buckets"]),
    )
