"""The courses of an acceptance run, and the order of their steps."""

from typing import Final

from tests.acceptance.cloud import Cloud
from tests.acceptance.course import Course, Step
from tests.acceptance.fake import KEY, FakeCloud
from tests.acceptance.steps import (
    builds,
    deploying,
    ending,
    neighbours,
    refusals,
    strict,
    upgrading,
)

LIFE: Final[Course[Cloud]] = Course(
    "life",
    "A deployment from its first apply to its end.",
    (
        Step(deploying.deploy, required=True),
        Step(deploying.turn_options_on),
        Step(deploying.turn_options_off),
        Step(builds.fail_builds),
        Step(builds.recover_builds),
        Step(deploying.change_filter),
        Step(refusals.refuse_changes),
        Step(ending.destroy_protected),
        Step(ending.deploy_again),
        Step(ending.destroy),
    ),
)

UPGRADE: Final[Course[Cloud]] = Course(
    "upgrade",
    "A deployment of an older version, upgraded to this one.",
    (
        Step(upgrading.deploy_older, required=True),
        Step(upgrading.plan_upgrade),
        Step(upgrading.upgrade, required=True),
    ),
)

# The provider itself waits seven seconds after each grant, so a shorter delay would test nothing.
_GRANT_WAIT_SECONDS = 16

STRICT: Final[Course[FakeCloud]] = Course(
    "strict",
    "An organization with a key, without public access, where grants take time.",
    (
        Step(strict.deploy_with_late_grants, required=True),
        Step(strict.rotate_key),
        Step(strict.destroy_secret_versions),
        Step(strict.open_to_load_balancer),
    ),
    variables={
        **deploying.EVERYTHING,
        "kms_key": KEY,
        "webhook": {"access": "none"},
        "grant_wait_seconds": _GRANT_WAIT_SECONDS,
    },
    fake_options={
        "forbid_public": True,
        "grant_lag": _GRANT_WAIT_SECONDS - 1.0,
        "lazy_agents": True,
    },
)

NEIGHBOURS: Final[Course[FakeCloud]] = Course(
    "neighbours",
    "Two bridges in one project.",
    (
        Step(deploying.deploy, required=True),
        Step(neighbours.fail_second_bridge, required=True),
        Step(neighbours.share_nothing),
        Step(neighbours.destroy_second_bridge),
    ),
    variables={"bigquery": {}},
    fake_options={"lazy_agents": True},
)

# The longest first, because they run side by side.
IN_EVERY_CLOUD: Final = (LIFE, UPGRADE)
IN_THE_FAKE_CLOUD: Final = (NEIGHBOURS, STRICT)
