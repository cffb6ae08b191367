"""The settings of the command line."""

from collections.abc import Mapping
from dataclasses import dataclass

from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import BackendSettings, read_backend, read_events_topic


@dataclass(frozen=True, slots=True)
class Watched:
    """Where events are watched: a topic of a backend, through `subscription` unless empty."""

    backend: BackendSettings
    topic: str
    subscription: str


def api_settings(environ: Mapping[str, str], problems: list[str]) -> ApiSettings:
    """Read how to reach VideoVector, as the functions do.

    Raises `SettingsError` naming every wrong variable, after `problems` of the options.
    """
    env = Environment(environ)
    settings = read_api(env)
    if all_problems := [*problems, *env.problems]:
        raise SettingsError(all_problems)
    return settings


def watched(
    environ: Mapping[str, str], *, project: str, topic: str, subscription: str, problems: list[str]
) -> Watched:
    """Read where events are watched; what is wrong is added to `problems`.

    The options override `GOOGLE_CLOUD_PROJECT` and `EVENTS_TOPIC` unless empty. A `subscription`
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
    place = Watched(read_backend(env), read_events_topic(env), subscription)
    problems += env.problems
    return place
