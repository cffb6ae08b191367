"""What the command line reads from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.api import ApiSettings, read_api
from videovector_bridge.settings.cloud import BackendSettings, read_backend, read_topics


@dataclass(frozen=True, slots=True)
class Watched:
    """Where events are seen: a topic of a backend, by way of a subscription if one is named."""

    backend: BackendSettings
    topic: str
    subscription: str


def api_settings(environ: Mapping[str, str], problems: list[str]) -> ApiSettings:
    """Read how to reach VideoVector, as the functions do.

    Raises `SettingsError` naming every wrong variable, after `problems` found before.
    """
    env = Environment(environ)
    settings = read_api(env)
    if found := [*problems, *env.problems]:
        raise SettingsError(found)
    return settings


def watched(
    environ: Mapping[str, str], *, project: str, topic: str, subscription: str, problems: list[str]
) -> Watched:
    """Read where events are seen; what is wrong is added to `problems`.

    What is given outranks `GOOGLE_CLOUD_PROJECT` and `EVENTS_TOPIC`. A `subscription` is a full
    path, `projects/P/subscriptions/S`, and brings its own project.
    """
    parts = subscription.split("/")
    if subscription:
        fits = len(parts) == 4 and parts[::2] == ["projects", "subscriptions"] and all(parts)
        if not fits:
            problems.append(
                f"--subscription must be projects/PROJECT/subscriptions/NAME, not {subscription!r}"
            )
        project = project or (parts[1] if fits else "unknown")
    given = {"GOOGLE_CLOUD_PROJECT": project, "EVENTS_TOPIC": topic}
    env = Environment({**environ, **{name: value for name, value in given.items() if value}})
    found = Watched(read_backend(env), read_topics(env).events, subscription)
    problems += env.problems
    return found
