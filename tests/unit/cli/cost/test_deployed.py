"""`cli.cost.deployed`: sizes, schedules and subscriptions of the topology."""

import json
from pathlib import Path

import pytest

from tests.support import ROOT
from videovector_bridge.cli.cost import deployed
from videovector_bridge.cli.cost.deployed import change_deployment, read_deployment
from videovector_bridge.errors import SettingsError

TOPOLOGY = json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8"))


def test_it_is_what_would_be_deployed() -> None:
    """As in infra/topology.json, with the default window."""
    deployment = read_deployment()
    drain = TOPOLOGY["functions"]["drain"]["resources"]

    assert deployment.sizes.keys() == TOPOLOGY["functions"].keys()
    assert f"{deployment.sizes['drain'].cpu:g}" == drain["cpu"]
    assert deployment.sizes["drain"].memory_gib == 0.5
    assert deployment.actions["search"] == "run-searches"
    assert deployment.every_seconds["reconcile"] == 300
    of_events = [s for s in TOPOLOGY["subscriptions"].values() if s["topic"] == "events"]
    assert deployment.pulled == sum("reader" in s for s in of_events) == 2
    assert deployment.retention_seconds == 7 * 86_400
    assert deployment.window.window_seconds == 20


def test_another_topology_may_be_read(tmp_path: Path) -> None:
    """Its path is an option."""
    file = tmp_path / "mine.json"
    changed = json.loads(json.dumps(TOPOLOGY))
    changed["functions"]["drain"]["resources"]["cpu"] = "2"
    file.write_text(json.dumps(changed), encoding="utf-8")

    assert read_deployment(str(file)).sizes["drain"].cpu == 2


def test_a_topology_with_a_wrong_size_is_refused(tmp_path: Path) -> None:
    """The message has the size."""
    file = tmp_path / "mine.json"
    text = (ROOT / "infra" / "topology.json").read_text(encoding="utf-8")
    file.write_text(text.replace('"512Mi"', '"much"'), encoding="utf-8")

    with pytest.raises(SettingsError, match="'much' is no amount of memory"):
        read_deployment(str(file))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"functions": {"a": {"resources": {}}}}'])
def test_another_file_is_no_topology(tmp_path: Path, text: str) -> None:
    """The message names it."""
    file = tmp_path / "mine.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError, match=r"mine\.json.* is not a topology"):
        read_deployment(str(file))


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source tree, the option is required."""
    with pytest.raises(SettingsError, match="cannot be read"):
        read_deployment(str(tmp_path / "none.json"))

    monkeypatch.setattr(deployed, "TOPOLOGY", tmp_path / "none.json")
    with pytest.raises(SettingsError, match="--topology FILE"):
        read_deployment()


def test_sizes_and_schedules_can_be_changed() -> None:
    """Others stay."""
    before = read_deployment()
    after = change_deployment(
        before,
        {
            "drain.cpu": "0.5",
            "drain.memory": "1Gi",
            "store-previews.max_instances": "3",
            "reconcile.every_minutes": "15",
        },
    )

    assert (after.sizes["drain"].cpu, after.sizes["drain"].memory_gib) == (0.5, 1)
    assert after.sizes["store-previews"].max_instances == 3
    assert after.every_seconds["reconcile"] == 900
    assert after.sizes["canary"] == before.sizes["canary"]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("nobody.cpu", "1", "--set nobody.cpu: functions are drain, "),
        ("drain.size", "1", "settings of drain are cpu, memory, concurrency, max_instances, ever"),
        ("upsert-markers.every_minutes", "1", "settings of upsert-markers are cpu, memory, conc"),
        ("drain.cpu", "0", "--set drain.cpu must be a number above 0, not '0'"),
        ("drain.cpu", "a", "--set drain.cpu must be a number above 0, not 'a'"),
        ("drain.memory", "5", "--set drain.memory: memory is an amount such as 512Mi, not '5'"),
        ("drain.concurrency", "2", "drain: Cloud Run requires 1 CPU or more"),
    ],
)
def test_a_wrong_change_is_named(key: str, value: str, problem: str) -> None:
    """With what would be right."""
    with pytest.raises(SettingsError) as caught:
        change_deployment(read_deployment(), {key: value})

    assert problem in " ".join(caught.value.problems)
