"""The settings of the backend: its kind, project, buckets, topics and lanes."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from videovector_bridge.environment import Environment
from videovector_bridge.settings.buckets import read_bucket

LANES: Final = (16, 1, 256)
"""The number of ordering lanes: default, lowest and highest value."""

# Google's rules, without the reserved words. Emulators take shorter project ids.
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
SECRET_NAME: Final = re.compile(rf"projects/{_PROJECT.pattern}/secrets/[A-Za-z0-9_-]{{1,255}}")
"""The full name of a secret in Secret Manager, `projects/PROJECT/secrets/NAME`."""

# https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_TOPIC: Final = re.compile(
    rf"(?:projects/{_PROJECT.pattern}/topics/)?(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{{2,254}}"
)
_TOPIC_RULE: Final = (
    "a topic: 3 to 255 letters, digits and -_.~+%, beginning with a letter and not with goog, or "
    "projects/PROJECT/topics/TOPIC"
)
_SUBSCRIPTION: Final = re.compile(_TOPIC.pattern.replace("/topics/", "/subscriptions/"))
_SUBSCRIPTION_RULE: Final = (
    "a subscription: 3 to 255 letters, digits and -_.~+%, beginning with a letter and not with "
    "goog, or projects/PROJECT/subscriptions/NAME"
)
# https://cloud.google.com/pubsub/docs/reference/service_apis_overview#pubsub_endpoints
_ENDPOINT: Final = re.compile(
    r"(?=.{1,260}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}(?::[0-9]{1,5})?"
)
_ENDPOINT_RULE: Final = "a host, or host:port, without https://"
# https://cloud.google.com/firestore/docs/manage-databases
_DATABASE: Final = re.compile(r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """The settings of the backend. A bucket's name is empty if there is none.

    `signing_account` is the service account that signs URLs; empty: the function's own.
    `pubsub_endpoint` is the host that messages are published through; empty: Pub/Sub's global one.
    """

    kind: Literal["gcp", "embedded"]
    project: str
    embedded_dir: str
    claim_bucket: str = ""
    preview_bucket: str = ""
    firestore_database: str = "(default)"
    signing_account: str = ""
    pubsub_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Names of the topics that the bridge publishes to."""

    events: str
    rejected: str
    media_urls: str


def read_backend(env: Environment) -> BackendSettings:
    """Read the backend; problems are recorded in `env`."""
    kind = env.choice("BACKEND", "gcp", ("gcp", "embedded"))
    if kind == "embedded":
        directory = env.required("EMBEDDED_DIR", "the folder that the embedded backend writes to")
        return BackendSettings("embedded", "embedded", directory)
    project = env.required("GOOGLE_CLOUD_PROJECT", "the project of the topics and of Firestore")
    rule = "the id of a project"
    return BackendSettings(
        "gcp",
        env.check_match("GOOGLE_CLOUD_PROJECT", project, project, _PROJECT, rule),
        "",
        read_bucket(env, "CLAIM_BUCKET"),
        read_bucket(env, "PREVIEW_BUCKET"),
        env.matching("FIRESTORE_DATABASE", "(default)", _DATABASE, "the id of a database"),
        pubsub_endpoint=env.matching("PUBSUB_ENDPOINT", "", _ENDPOINT, _ENDPOINT_RULE),
    )


def read_topics(env: Environment) -> TopicNames:
    """Read all topics; problems are recorded in `env`, such as two topics with one name."""
    defaults = {
        "EVENTS_TOPIC": "events",
        "REJECTED_TOPIC": "rejected",
        "MEDIA_URLS_TOPIC": "media-urls",
    }
    topics = {name: _read_topic(env, name, default) for name, default in defaults.items()}
    variables: dict[str, list[str]] = {}
    for name, topic in topics.items():
        variables.setdefault(_path(env, topic), []).append(name)
    for path, names in variables.items():
        if len(names) > 1:
            env.problems.append(
                f"{', '.join(names)} name the same topic, {path.rpartition('/')[2]!r}; each needs "
                f"its own"
            )
    return TopicNames(*topics.values())


def read_lanes(env: Environment) -> int:
    """Read the number of ordering lanes; problems are recorded in `env`."""
    return env.whole("LANES", *LANES)


def read_events_topic(env: Environment) -> str:
    """Read the name of the events topic; problems are recorded in `env`."""
    return _read_topic(env, "EVENTS_TOPIC", "events")


def read_subscription(env: Environment, name: str, default: str) -> str:
    """Read the name of a pull subscription; problems are recorded in `env`."""
    return env.matching(name, default, _SUBSCRIPTION, _SUBSCRIPTION_RULE)


def _read_topic(env: Environment, name: str, default: str) -> str:
    return env.matching(name, default, _TOPIC, _TOPIC_RULE)


def _path(env: Environment, topic: str) -> str:
    """Return the full path of a topic. The embedded backend has a single project."""
    short = topic.rpartition("/")[2]
    if "/" in topic and env.text("BACKEND") != "embedded":
        return topic
    return f"projects/{env.text('GOOGLE_CLOUD_PROJECT')}/topics/{short}"
