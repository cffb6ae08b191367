"""A change of the profile changes Cloud Scheduler's jobs and settings, and no data."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.infra.conftest import Runs
from videovector_bridge.ingest.hand_over import HandOver
from videovector_bridge.settings.drain import drain_settings

FILE = "modules/bridge/tests/profile.tftest.hcl"
JOB = "google_cloud_scheduler_job.drain"
FUNCTION = "google_cloudfunctions2_function.this"

pytestmark = pytest.mark.test_file(FILE)


def planned(runs: Runs, name: str) -> dict[tuple[str, ...], object]:
    """The planned values of a run, by address and path."""
    values: dict[tuple[str, ...], object] = {}
    for each in runs(FILE)[name].changes:
        values |= dict(flatten(each["change"]["after"], each["address"]))
    return values


def flatten(value: object, *path: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the values inside a value, each with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, *path, key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from flatten(item, *path, str(number))
    else:
        yield path, value


def test_only_jobs_and_settings_change(runs: Runs) -> None:
    """A live stream adds a job; the rest is updated in place, and back again."""
    economy, again, live = (planned(runs, name) for name in ("economy", "again", "live"))
    mocked = {path for path in economy if economy[path] != again[path]}
    added = {path[0] for path in live} - {path[0] for path in economy}
    changed = {
        path
        for path in economy.keys() | live.keys()
        if path[0] not in added and path not in mocked and economy.get(path) != live.get(path)
    }

    assert added == {f'{JOB}["default_odd"]'}
    assert {(path[0], path[-1]) for path in changed} == {
        (f'{JOB}["default"]', "attempt_deadline"),
        (f'{JOB}["default"]', "description"),
        (f'{JOB}["default"]', "schedule"),
        (f'{FUNCTION}["canary"]', "PROFILE"),
        (f'{FUNCTION}["canary"]', "STREAMS"),
        (f'{FUNCTION}["drain"]', "PROFILE"),
        (f'{FUNCTION}["drain"]', "STREAMS"),
        (f'{FUNCTION}["drain"]', "timeout_seconds"),
        ("google_storage_bucket_object.description", "content"),
    }


def test_a_planned_live_stream_has_the_limits_of_the_bridge(runs: Runs) -> None:
    """Terraform and the code have the same live window; its timeout includes the wait."""
    values = planned(runs, "live")
    variables = {
        path[-1]: str(value)
        for path, value in values.items()
        if path[0] == f'{FUNCTION}["drain"]' and "environment_variables" in path
    }
    (timeout,) = (
        value
        for path, value in values.items()
        if (path[0], path[-1]) == (f'{FUNCTION}["drain"]', "timeout_seconds")
    )
    environ = {
        "VIDEO_VECTOR_API_KEY": "made-up",  # pragma: allowlist secret
        "GOOGLE_CLOUD_PROJECT": "p",
    }
    chosen = {name: variables[name] for name in ("PROFILE", "STREAMS")}
    window = drain_settings({**environ, **chosen}).streams["default"].window
    default = drain_settings({**environ, "PROFILE": "live"}).streams["default"].window
    wait = HandOver(cast("Any", None), "default", window.lease_seconds).wait_seconds

    assert window == default
    assert wait + window.window_seconds < float(str(timeout))
