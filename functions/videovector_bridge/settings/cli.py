"""Settings of the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import BackendSettings, read_backend, read_events_topic


@dataclass(frozen=True, slots=True)
class WatchedTopic:
    """A topic that a command reads messages from.

    `subscription` is the path of an existing subscription to use, or empty.
    """

    backend: BackendSettings
    topic: str
    subscription: str


def read_api_settings(environ: Mapping[str, str], problems: Sequence[str]) -> ApiSettings:
    """Read how to reach VideoVector, from the same variables as the functions.

    Raises `SettingsError` with `problems` of the options and every wrong variable.
    """
    env = Environment(environ)
    settings = read_api(env)
    if all_problems := [*problems, *env.problems]:
        raise SettingsError(all_problems)
    return settings


def read_watched_topic(
    environ: Mapping[str, str], *, project: str, topic: str, subscription: str, problems: list[str]
) -> WatchedTopic:
    """Read which topic to watch; append what is wrong to `problems`.

    Unless empty, the options override `GOOGLE_CLOUD_PROJECT` and `EVENTS_TOPIC`. A `subscription`
    is a full path, `projects/P/subscriptions/S`, and names its own project.
    """
    parts = subscription.split("/")
    if subscription:
        fits = len(parts) == 4 and parts[::2] == ["projects", "subscriptions"] and all(parts)
        if not fits:
            problems.append(
                f"--subscription must be projects/PROJECT/subscriptions/NAME, not {subscription!r}"
            )
        project = project or (parts[1] if fits else "unknown")
    options = {"GOOGLE_CLOUD_PROJECT": project, "EVENTS_TOPIC": topic}
    env = Environment({**environ, **{name: value for name, value in options.items() if value}})
    watched_topic = WatchedTopic(read_backend(env), read_events_topic(env), subscription)
    problems += env.problems
    return watched_topic
