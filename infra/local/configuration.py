"""The settings of the local stack, read and checked before anything starts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings import is_loopback_url
from videovector_bridge.settings.canary import canary_settings
from videovector_bridge.settings.drain import DrainSettings, drain_settings
from videovector_bridge.settings.filters import StreamFilters
from videovector_bridge.settings.reconcile import reconcile_settings
from videovector_bridge.settings.streams import StreamSettings
from videovector_bridge.settings.subscriber import SubscriberSettings, subscriber_settings

STANDIN_BUCKET = "standin-media"
SHIPPED_AUTOMATIONS = Path(__file__).resolve().parents[2] / "functions" / "automations.toml"

# Defaults of the local stack: short times, because a person waits, and the bucket that it creates.
_DEFAULTS = {
    "WINDOW_SECONDS": "6",
    "IDLE_SECONDS": "3",
    "LEASE_SECONDS": "4",
    "LINGER_MS": "20",
    "API_TIMEOUT_SECONDS": "3",
    "THREADS": "8",
    "RECONCILE_AFTER_SECONDS": "2",
    "RECONCILE_GRACE_SECONDS": "1",
    "RECONCILE_SECONDS": "10",
    "PREVIEW_BUCKET": "previews",
}
# Live windows have the limits of their profile: the next window ends them.
_NOT_LIVE = ("WINDOW_SECONDS", "IDLE_SECONDS")
_PROFILES = ("economy", "live")
_API = ("VIDEO_VECTOR_BASE_URL", "VIDEO_VECTOR_API_KEY", "VIDEO_VECTOR_API_KEY_FILE")
_FILES = ("VIDEO_VECTOR_API_KEY_FILE", "AUTOMATIONS_FILE", "EMBEDDED_DIR")
_EVERYTHING = StreamFilters().identity()
# Placeholders for values that the stack chooses, so that the functions' settings can be checked.
_PLACEHOLDERS = {
    "GOOGLE_CLOUD_PROJECT": "chosen-later",
    "EMBEDDED_DIR": "chosen-later",
    "VIDEO_VECTOR_BASE_URL": "http://127.0.0.1/chosen-later",
    "VIDEO_VECTOR_API_KEY": "chosen-later",  # pragma: allowlist secret
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The functions' settings and environment.

    `environment` lacks the addresses of the cloud and, unless `real`, of the stand-in. `real` means
    that the API is not the stand-in. `backend` is the value of BACKEND, or empty. `live` means
    PROFILE=live. `filters` has action -> filter of its subscription; None: as in the topology.
    """

    environment: Mapping[str, str]
    drain: DrainSettings
    subscriber: SubscriberSettings
    backend: str
    embedded_dir: str
    real: bool
    schedule_seconds: float
    live: bool = False
    filters: Mapping[str, str] | None = None

    @property
    def effects_allowed(self) -> bool:
        """Whether automations may act. On a real account, only if AUTOMATIONS_FILE is set."""
        named = bool(self.subscriber.automations_file)
        return not self.real or named or is_loopback_url(self.drain.api.base_url)

    @property
    def unchecked(self) -> str:
        """Why the effects of a run are not checked; empty if they are.

        The oracle knows only the shipped automations.
        """
        if not self.effects_allowed:
            return "automations do not act on a real account unless AUTOMATIONS_FILE is set"
        file = self.subscriber.automations_file
        if file and Path(file).resolve() != SHIPPED_AUTOMATIONS:
            return f"AUTOMATIONS_FILE names {Path(file).name}, whose effects are not known here"
        return ""

    @property
    def topic_names(self) -> dict[str, str]:
        """Name in the topology -> name in the settings, for topics that have a setting."""
        topics = self.drain.topics
        return {
            "events": topics.events,
            "rejected": topics.rejected,
            "media-urls": topics.media_urls,
        }


def selects_everything(streams: Iterable[StreamSettings]) -> bool:
    """Whether a stream has no filter, so that every event must be published."""
    return any(stream.filters.identity() == _EVERYTHING for stream in streams)


def read_configuration(environ: Mapping[str, str]) -> Configuration:
    """Read the configuration. Raises `SettingsError` with every wrong variable."""
    present = {name: value for name, value in environ.items() if value.strip()}
    # A variable of the API means a real API, which needs a key.
    real = any(name in present for name in _API)
    environment = {name: present.get(name, value) for name, value in _DEFAULTS.items()}
    if present.get("PROFILE") == "live":
        environment = {
            name: value
            for name, value in environment.items()
            if name in present or name not in _NOT_LIVE
        }
    if "SIGNED_URL_BUCKETS" not in environ and (
        not real or is_loopback_url(present.get("VIDEO_VECTOR_BASE_URL", ""))
    ):
        environment["SIGNED_URL_BUCKETS"] = f"{STANDIN_BUCKET},{environment['PREVIEW_BUCKET']}"
    # The functions run in another folder: make paths absolute.
    environment |= {name: str(Path(present[name]).absolute()) for name in _FILES if name in present}
    variables = {**present, **environment}
    placeholders = {k: v for k, v in _PLACEHOLDERS.items() if k not in _API or not real}
    return _build_configuration(variables, environment, placeholders, real=real)


def _build_configuration(
    variables: dict[str, str],
    environment: dict[str, str],
    placeholders: dict[str, str],
    *,
    real: bool,
) -> Configuration:
    launcher_settings = Environment(variables)
    schedule_seconds = launcher_settings.number("SCHEDULE_SECONDS", 5, 0, 3600)
    launcher_settings.whole("THREADS", 8, 1, 1_000)
    profile = launcher_settings.choice("PROFILE", "economy", _PROFILES)
    for name in _FILES:
        launcher_settings.text(name)
    _check_files(variables, launcher_settings.problems)
    problems = list(launcher_settings.problems)
    environ = {**variables, **placeholders}
    drain = subscriber = None
    try:
        drain = drain_settings(environ)
    except SettingsError as error:
        problems += error.problems
    try:
        subscriber = subscriber_settings(environ)
    except SettingsError as error:
        problems += error.problems
    for check in (reconcile_settings, canary_settings):
        try:
            check(environ)
        except SettingsError as error:
            problems += error.problems
    if problems or drain is None or subscriber is None:
        raise SettingsError(list(dict.fromkeys(problems)))
    return Configuration(
        environment,
        drain,
        subscriber,
        variables.get("BACKEND", "").strip(),
        variables.get("EMBEDDED_DIR", ""),
        real,
        schedule_seconds,
        profile == "live",
    )


def _check_files(variables: Mapping[str, str], problems: list[str]) -> None:
    automations, folder = variables.get("AUTOMATIONS_FILE"), variables.get("EMBEDDED_DIR")
    if automations and not Path(automations).is_file():
        problems.append(f"AUTOMATIONS_FILE {automations!r} is not a file")
    if folder and Path(folder).exists() and not Path(folder).is_dir():
        problems.append(f"EMBEDDED_DIR {folder!r} is not a folder")
