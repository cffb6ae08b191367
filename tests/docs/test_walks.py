"""docs/architecture.md: the walks name the files that one frame, delivery or event passes."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import grimp
import pytest

from infra.standin import StandIn
from tests.support import ROOT
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.hosting import host
from tests.support.webhooks import delivery, environment, headers
from tests.support.webhooks import deploy as deploy_receiver
from videovector_bridge.backends import BackendSettings
from videovector_bridge.ingest.drain import Endpoint, entry_point

PACKAGE = ROOT / "functions" / "videovector_bridge"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LONGEST = {1: 10, 2: 7, 3: 10}
FAILED_RUNS_ARE_RED = """
[[automation]]
name = "failed runs are red"
on = ["prompt_run.failed"]
when = "event.event_id != ''"
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "red"
"""


@dataclass(frozen=True)
class Walk:
    """The files of a walk in order, and those that the page names beside it."""

    files: list[str]
    beside: set[str]


def find_section(heading: str) -> str:
    """Return the text of the section whose heading begins with `heading`."""
    (text,) = re.findall(rf"^## {heading}.*?\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


def find_files(text: str) -> list[str]:
    """Return the Python files that a text names, in order."""
    return re.findall(r"`([\w/]+\.py)`", text)


def read_walk(number: int) -> Walk:
    """Return a walk of the page."""
    table, _, beside = find_section(f"Walk {number}:").partition("Beside the path:")
    return Walk(
        find_files(table), {*find_files(beside), *find_files(find_section("Beside every path"))}
    )


def module_name(file: str) -> str:
    """Return the name of the module in a file of the package."""
    return "videovector_bridge." + file.removesuffix(".py").replace("/", ".")


@dataclass
class Trace:
    """Files of the package in the order of their first call, in this and in new threads.

    A profile function, so that it does not disturb a measurement of coverage.
    """

    files: dict[str, None] = field(default_factory=dict)

    def __call__(self, frame: FrameType, kind: str, _argument: object) -> None:
        """Note the file of a call."""
        name = frame.f_code.co_filename
        if kind == "call" and name.startswith(f"{PACKAGE}/"):
            self.files.setdefault(name.removeprefix(f"{PACKAGE}/"))


@contextmanager
def traced() -> Iterator[Trace]:
    """Record the files that are called inside."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def check_walk(number: int, trace: Trace, kind: str, *, in_order: bool) -> None:
    """Compare a walk with the files that were called over a backend of this kind.

    The page names the files of backend `gcp`; over `embedded` those of `backends/` are ignored.
    """

    def comparable(file: str) -> bool:
        return kind == "gcp" or not file.startswith("backends/")

    expected = read_walk(number)
    named = list(filter(comparable, expected.files))
    called = list(filter(comparable, trace.files))

    assert set(named) <= set(called), "a file of the walk is not called"
    assert set(called) <= {*named, *expected.beside}, "a file that is called is not on the page"
    if in_order:
        assert named == [file for file in called if file in named]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_walk_is_short_and_names_each_file_once(number: int) -> None:
    """A walk is short enough to read at once, and its files exist."""
    files = read_walk(number).files

    assert 0 < len(files) <= LONGEST[number]
    assert len(files) == len(set(files))
    assert not read_walk(number).beside & set(files)
    assert all((PACKAGE / file).is_file() for file in {*files, *read_walk(number).beside})


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_files_of_a_walk_are_connected(number: int) -> None:
    """Each imports or is imported by another one, or both import the same file beside the path."""
    graph = grimp.build_graph("videovector_bridge")
    expected = read_walk(number)
    named, helpers = set(map(module_name, expected.files)), set(map(module_name, expected.beside))

    def around(name: str) -> set[str]:
        imported = graph.find_modules_directly_imported_by(name)
        return imported | (graph.find_modules_that_directly_import(name) & named)

    reached, more = set[str](), {module_name(expected.files[0])}
    while more:
        reached |= more
        more = set[str]().union(*map(around, more)) & (named | helpers) - reached

    assert named <= reached


def test_a_frame_passes_the_files_of_the_first_walk(
    backend_settings: BackendSettings, standin: StandIn
) -> None:
    """One window with one event, after a first window that opened everything."""
    variables = environment(backend_settings) | {
        "VIDEO_VECTOR_BASE_URL": standin.api_url,
        "VIDEO_VECTOR_API_KEY": standin.keys["read"],
        "START_FROM": "earliest",
        "MAX_EVENTS": "1",
        # The window ends by its one event, however slow the machine is.
        "WINDOW_SECONDS": "600",
        "IDLE_SECONDS": "600",
        "LEASE_SECONDS": "600",
        "API_TIMEOUT_SECONDS": "60",
    }
    drain = host(entry_point(Endpoint(variables))).test_client()
    standin.control.events({"payload": {}})
    assert drain.post("/").get_json()["published"] == 1
    standin.control.events({"payload": {}})

    with traced() as trace:
        report = drain.post("/").get_json()

    assert report["published"] == 1
    # The stages run concurrently, and the lease is acquired first: first calls have no order.
    check_walk(1, trace, backend_settings.kind, in_order=False)


def test_a_delivery_passes_the_files_of_the_second_walk(
    backend_settings: BackendSettings,
) -> None:
    """The second delivery to an instance: the first one opens the settings and clients."""
    receiver = deploy_receiver(environment(backend_settings)).test_client()
    first, second = delivery("evt_1"), delivery("evt_2")
    assert receiver.post("/", data=first, headers=headers(first)).status_code == 204

    with traced() as trace:
        response = receiver.post("/", data=second, headers=headers(second))

    assert response.status_code == 204
    check_walk(2, trace, backend_settings.kind, in_order=True)


def test_an_event_passes_the_files_of_the_third_walk(
    deploy: Callable[[str], DeployedFunction],
) -> None:
    """The second event of an instance, which sets a marker that no event has set before."""
    markers = deploy("upsert_markers")
    markers.automations(FAILED_RUNS_ARE_RED)
    assert markers.push(event("evt_1", run_id="run_1")) == 200

    message = event("evt_2", run_id="run_2")
    with traced() as trace:
        assert markers.push(message) == 200

    assert markers.markers() == {"run_1": "red", "run_2": "red"}
    check_walk(3, trace, markers.settings.kind, in_order=True)
