"""What the environment asks of the local stack: read and checked before anything is started."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings import (
    DrainSettings,
    SubscriberSettings,
    drain_settings,
    subscriber_settings,
)

STANDIN_BUCKET = "standin-media"

# Short times, so that a person who watches sees something, and a bucket of the launcher's making;
# all may be set from outside.
_DEFAULTS = {
    "WINDOW_SECONDS": "6",
    "IDLE_SECONDS": "3",
    "LEASE_SECONDS": "4",
    "LINGER_MS": "20",
    "API_TIMEOUT_SECONDS": "3",
    "THREADS": "8",
    "PREVIEW_BUCKET": "previews",
}
_API = ("VIDEO_VECTOR_BASE_URL", "VIDEO_VECTOR_API_KEY", "VIDEO_VECTOR_API_KEY_FILE")
_FILES = ("VIDEO_VECTOR_API_KEY_FILE", "AUTOMATIONS_FILE", "EMBEDDED_DIR")
# Stand for what the launcher chooses, so that the functions' own reading can be the check.
_CHOSEN_LATER = {
    "GOOGLE_CLOUD_PROJECT": "chosen-later",
    "EMBEDDED_DIR": "chosen-later",
    "VIDEO_VECTOR_BASE_URL": "http://127.0.0.1/chosen-later",
    "VIDEO_VECTOR_API_KEY": "chosen-later",  # pragma: allowlist secret
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The functions' settings, and what they are to find in their environment.

    `environment` lacks what is chosen later: where the cloud is, and the stand-in if `real` is
    False. `backend` is what BACKEND asks for, or empty.
    """

    environment: Mapping[str, str]
    drain: DrainSettings
    subscriber: SubscriberSettings
    backend: str
    embedded_dir: str
    real: bool
    schedule_seconds: float

    @property
    def effects_allowed(self) -> bool:
        """Whether automations may act: never by surprise on somebody's real account."""
        named = bool(self.subscriber.automations_file)
        return not self.real or named or _is_local(self.drain.api.base_url)

    @property
    def topic_names(self) -> dict[str, str]:
        """The topology's names of topics that have a setting -> their names here."""
        topics = self.drain.topics
        return {
            "events": topics.events,
            "rejected": topics.rejected,
            "media-urls": topics.media_urls,
        }


def read_configuration(environ: Mapping[str, str]) -> Configuration:
    """Read it from the environment. Raises `SettingsError` naming every wrong variable."""
    given = {name: value for name, value in environ.items() if value.strip()}
    # Whoever names an API means that one, and needs a key for it.
    real = any(name in given for name in _API)
    wanted = {name: given.get(name, value) for name, value in _DEFAULTS.items()}
    if "SIGNED_URL_BUCKETS" not in environ and (
        not real or _is_local(given.get("VIDEO_VECTOR_BASE_URL", ""))
    ):
        wanted["SIGNED_URL_BUCKETS"] = f"{STANDIN_BUCKET},{wanted['PREVIEW_BUCKET']}"
    # The functions work in another folder than we may.
    wanted |= {name: str(Path(given[name]).absolute()) for name in _FILES if name in given}
    everything = {**given, **wanted}
    later = {k: v for k, v in _CHOSEN_LATER.items() if k not in _API or not real}
    return _checked(everything, wanted, later, real=real)


def _checked(
    everything: dict[str, str], wanted: dict[str, str], later: dict[str, str], *, real: bool
) -> Configuration:
    own = Environment(everything)
    schedule_seconds = own.number("SCHEDULE_SECONDS", 5, 0, 3600)
    own.whole("THREADS", 8, 1, 1_000)
    _check_files(everything, own.problems)
    problems = list(own.problems)
    environ = {**everything, **later}
    drain = subscriber = None
    try:
        drain = drain_settings(environ)
    except SettingsError as error:
        problems += error.problems
    try:
        subscriber = subscriber_settings(environ)
    except SettingsError as error:
        problems += error.problems
    if problems or drain is None or subscriber is None:
        raise SettingsError(list(dict.fromkeys(problems)))
    return Configuration(
        wanted,
        drain,
        subscriber,
        everything.get("BACKEND", "").strip(),
        everything.get("EMBEDDED_DIR", ""),
        real,
        schedule_seconds,
    )


def _check_files(everything: Mapping[str, str], problems: list[str]) -> None:
    automations, folder = everything.get("AUTOMATIONS_FILE"), everything.get("EMBEDDED_DIR")
    if automations and not Path(automations).is_file():
        problems.append(f"AUTOMATIONS_FILE {automations!r} is not a file")
    if folder and Path(folder).exists() and not Path(folder).is_dir():
        problems.append(f"EMBEDDED_DIR {folder!r} is not a folder")


def _is_local(url: str) -> bool:
    with suppress(ValueError):
        host = urlsplit(url).hostname or ""
        return host in ("localhost", "::1") or bool(re.fullmatch(r"127(\.\d{1,3}){3}", host))
    return False
