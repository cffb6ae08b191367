"""The cost of an event by action: the table in docs/automations.md has the counts of real runs."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from infra.standin import MEDIA_BUCKET, Library, StandIn, StandInConfig
from tests.support import ROOT
from tests.support.contexts import with_documents
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.backends.ports import Document, Documents

DOCUMENT: Final = ROOT / "docs" / "automations.md"
HEAD: Final = "| Action | First delivery | Delivered again | An older event | Refused |"
Deploy = Callable[[str], DeployedFunction]

CONFIG: Final = StandInConfig(videos=1, playground_videos=1)
LIBRARY: Final = Library(CONFIG)
VIDEO: Final = next(video.video_id for video in LIBRARY.videos.values() if video.index_id)
RUN: Final = 'target_type = "run"\ntarget_id = "{event.run_id}"\n'


def automation(action: str, fields: str) -> str:
    """An automation for all events."""
    return f'[[automation]]\nname = "costs"\non = ["*"]\n[automation.{action}]\n{fields}'


@dataclass(frozen=True)
class Case:
    """A row of the table, and the case that it describes.

    `refuses` is the endpoint that refuses; empty where nothing is asked. `older`: whether another
    event can have the same target. `before`: an action, with its automation, that ran before.
    """

    row: str
    action: str
    automation: str
    refuses: str = ""
    older: bool = True
    before: tuple[str, str] | None = None


MARK: Final = automation("upsert_marker", RUN + 'color = "red"')
UNMARK: Final = automation("delete_marker", RUN)
LINK: Final = automation("issue_signed_url", f'gcs_uri = "{next(iter(LIBRARY.objects))}"')
LINKS: Final = automation("issue_signed_url", "segments = true")
GIF: Final = automation("store_preview", 'video_id = "{event.video_id}"')
SNAPSHOT: Final = automation("snapshot_media", 'video_id = "{event.video_id}"')
SEARCH: Final = automation("search", 'query = "a an the"')
NOTHING: Final = automation("search", 'query = "neverthere"')
SIGN: Final = "POST /videos/signed-url"
FIND: Final = "POST /playground/search"

CASES: Final = (
    Case("`upsert_marker`", "upsert_marker", MARK, "PUT /markers"),
    Case(
        "`delete_marker`, where the bridge set a marker",
        "delete_marker",
        UNMARK,
        "DELETE /markers/*",
        before=("upsert_marker", MARK),
    ),
    Case("`delete_marker`, where the bridge set none", "delete_marker", UNMARK),
    Case("`issue_signed_url`, one object", "issue_signed_url", LINK, SIGN, older=False),
    Case("`issue_signed_url`, a video of 4 segments", "issue_signed_url", LINKS, SIGN, older=False),
    Case("`store_preview`", "store_preview", GIF, "GET /videos/*/gif"),
    Case("`snapshot_media`", "snapshot_media", SNAPSHOT, "POST /videos/batch"),
    Case("`search`, no match", "search", NOTHING, FIND, older=False),
    Case("`search`, 4 new matches", "search", SEARCH, FIND, older=False),
    Case(
        "`search`, 4 matches that were published before",
        "search",
        SEARCH,
        FIND,
        older=False,
        before=("search", SEARCH),
    ),
)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in with one video in an index and one in the playground, of 4 segments each."""
    with StandIn(CONFIG) as running:
        yield running


class Meter:
    """Counts the reads, writes and requests of each push to a function."""

    def __init__(self, deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
        self._deploy = deploy
        self._capsys = capsys
        self._counts = False
        self.reads = 0
        self.writes = 0

    def deployed(self, action: str, automation: str) -> DeployedFunction:
        """The function of an action, with one automation."""
        deployed = self._deploy(ACTIONS[action].entry_point)
        deployed.set("SIGNED_URL_BUCKETS", MEDIA_BUCKET)
        deployed.automations(automation)
        if not self._counts:  # the functions of a test share their changes
            deployed.change(with_documents(lambda real: CountedDocuments(real, self)))
            self._counts = True
        return deployed

    def push(self, deployed: DeployedFunction, run: str, second: int) -> str:
        """Deliver an event about a run; requests, reads and writes, in the form of the table.

        The log agrees, where it has the outcome.
        """
        before = (self._requests(deployed), self.reads, self.writes)
        self._capsys.readouterr()
        message = event(f"evt_{second}", second, run_id=run, video_id=VIDEO)
        assert deployed.push(message) == 200
        after = (self._requests(deployed), self.reads, self.writes)
        counts = tuple(late - early for early, late in zip(before, after, strict=True))
        for line in map(json.loads, self._capsys.readouterr().out.splitlines()):
            if "api_calls" in line:
                assert (line["api_calls"], line["store_reads"], line["store_writes"]) == counts
        return " / ".join(map(str, counts))

    def _requests(self, deployed: DeployedFunction) -> int:
        return sum(deployed.standin.control.journal(ids=False)["requests"].values())


class CountedDocuments:
    """A document store of which a meter counts the calls."""

    def __init__(self, real: Documents, meter: Meter) -> None:
        self._real = real
        self._meter = meter

    def read(self, *args: Any, **named: Any) -> Document | None:
        """Read, and count it."""
        self._meter.reads += 1
        return self._real.read(*args, **named)

    def write(self, *args: Any, **named: Any) -> Document:
        """Write, and count it."""
        self._meter.writes += 1
        return self._real.write(*args, **named)


@pytest.fixture
def meter(deploy_embedded: Deploy, capsys: pytest.CaptureFixture[str]) -> Meter:
    """A meter of deployed functions."""
    return Meter(deploy_embedded, capsys)


def table() -> Mapping[str, list[str]]:
    """The table: row -> its cells."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (body,) = re.findall(rf"^{re.escape(HEAD)}\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]
    return {name: cells for name, *cells in rows}


@pytest.mark.parametrize("case", CASES, ids=[case.row.replace("`", "") for case in CASES])
def test_the_table_has_what_an_event_costs(meter: Meter, case: Case) -> None:
    """First delivery, redelivery, an older event with the same target, a refusal."""
    if case.before:
        deployed = meter.deployed(*case.before)
        for run in ("run_1", "run_2"):
            deployed.push(event("evt_0", 0, run_id=run, video_id=VIDEO))
    deployed = meter.deployed(case.action, case.automation)

    first = meter.push(deployed, "run_1", 5)
    again = meter.push(deployed, "run_1", 5)
    older = meter.push(deployed, "run_1", 4) if case.older else "-"
    refused = "-"
    if case.refuses:
        refusal = {"on": case.refuses, "kind": "status", "status": 422, "code": "refused"}
        deployed.standin.control.faults(refusal)
        refused = meter.push(deployed, "run_2", 9)
        assert deployed.published("rejected")

    assert [first, again, older, refused] == table().get(case.row)


def test_the_table_is_about_every_action() -> None:
    """It has a row for each action and case, and no other."""
    assert [case.row for case in CASES] == list(table())
    assert {case.action for case in CASES} == set(ACTIONS)


def test_an_event_that_no_automation_is_for_costs_nothing(meter: Meter) -> None:
    """If a filter passes such an event, nothing is read for it."""
    deployed = meter.deployed("upsert_marker", MARK.replace('"*"', '"other"'))

    assert meter.push(deployed, "run_1", 5) == "0 / 0 / 0"
