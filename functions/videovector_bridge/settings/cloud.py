"""Where state and messages live."""

from dataclasses import dataclass
from typing import Literal

from videovector_bridge.environment import Environment


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where state and messages live. The name of a bucket is empty where there is none."""

    kind: Literal["gcp", "embedded"]
    project: str
    embedded_dir: str
    claim_bucket: str = ""
    preview_bucket: str = ""
    firestore_database: str = "(default)"


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Names of the topics that are published to."""

    events: str
    rejected: str
    media_urls: str


def read_backend(env: Environment) -> BackendSettings:
    """Read them; what is wrong is noted in `env`."""
    kind = env.choice("BACKEND", "gcp", ("gcp", "embedded"))
    if kind == "embedded":
        directory = env.required("EMBEDDED_DIR", "the folder that the embedded backend writes to")
        return BackendSettings("embedded", "embedded", directory)
    project = env.required("GOOGLE_CLOUD_PROJECT", "the project of the topics and of Firestore")
    claims, previews = env.text("CLAIM_BUCKET"), env.text("PREVIEW_BUCKET")
    database = env.text("FIRESTORE_DATABASE", "(default)")
    return BackendSettings("gcp", project, "", claims, previews, database)


def read_topics(env: Environment) -> TopicNames:
    """Read them."""
    return TopicNames(
        env.text("EVENTS_TOPIC", "events"),
        env.text("REJECTED_TOPIC", "rejected"),
        env.text("MEDIA_URLS_TOPIC", "media-urls"),
    )
