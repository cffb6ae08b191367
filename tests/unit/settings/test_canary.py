"""Settings of `canary`."""

import pytest

from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.canary import CanarySettings, canary_settings

GOOD = {"VIDEO_VECTOR_API_KEY": "sk_live_1234", "GOOGLE_CLOUD_PROJECT": "project"}
TWO = '{"fast": {"run_id": "a"}, "slow": {"run_id": "b", "window_seconds": 1800}}'


def read(**environ: str) -> CanarySettings:
    """Return the settings of a good environment with these variables added."""
    return canary_settings(GOOD | environ)


def problems(**environ: str) -> list[str]:
    """Return the problems of such an environment."""
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return list(caught.value.problems)


def test_the_defaults() -> None:
    """One stream, which may be silent for 15 minutes, and every webhook of the bridge."""
    settings = read()

    assert settings.stream_seconds == {"default": 900}
    assert (settings.subscription, settings.webhooks, settings.seconds) == ("canary", (), 60)


def test_a_stream_may_be_silent_for_three_windows() -> None:
    """But at least 15 minutes."""
    assert read(STREAMS=TWO).stream_seconds == {"fast": 900, "slow": 5_400}


def test_one_number_is_for_all_streams() -> None:
    """A JSON object is for those that it names."""
    assert read(STREAMS=TWO, CANARY_STREAM_SECONDS="60").stream_seconds == {"fast": 60, "slow": 60}
    own = read(STREAMS=TWO, CANARY_STREAM_SECONDS='{"fast": 259200}').stream_seconds
    assert own == {"fast": 259_200, "slow": 5_400}


@pytest.mark.parametrize(
    "value", ["soon", "0", "-1", "1e9", "[900]", '{"fast": "soon"}', '{"other": 5}', "{"]
)
def test_another_value_is_a_problem(value: str) -> None:
    """One sentence, which names the variable."""
    (problem,) = problems(STREAMS=TWO, CANARY_STREAM_SECONDS=value)

    assert problem.startswith("CANARY_STREAM_SECONDS")


def test_webhooks_are_names() -> None:
    """Comma-separated, each once."""
    assert read(CANARY_WEBHOOKS=" default, other,default,, ").webhooks == ("default", "other")


@pytest.mark.parametrize("name", ["canary", "projects/p-1/subscriptions/two-canary"])
def test_a_subscription_has_two_forms(name: str) -> None:
    """Its name, or its path."""
    assert read(CANARY_SUBSCRIPTION=name).subscription == name


def test_every_problem_is_named_at_once() -> None:
    """Each once, also if two settings read a variable."""
    assert len(problems(LANES="0", CANARY_SECONDS="0", CANARY_SUBSCRIPTION="x y", STREAMS="[")) == 4
