"""Subscriptions that a plan replaces, because Pub/Sub cannot change a filter.

What the old one has not delivered is deleted with it. A `seek` makes the new one deliver it: topic
`events` keeps messages for a week.
"""

import re
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.deploy import gcloud
from infra.deploy.processes import Command
from infra.deploy.resources import Json
from infra.deploy.settings import Deployment

_HASH = re.compile(r"-[0-9a-f]{8}$")  # of the filter, in the key of a subscription
_OF_FUNCTIONS = ("push", "reader")  # what pushes to a function, and what a function pulls
_LOOK_BACK = timedelta(hours=1)
_LONGER = timedelta(days=6)  # a week, with a margin


@dataclass(frozen=True, slots=True)
class Replacement:
    """A subscription that replaces another one; `name` is its name in topology.json."""

    name: str
    old: str
    new: str


def find_replacements(plan: Json) -> list[Replacement]:
    """Return the subscriptions of functions that the plan replaces, by another or the same name."""
    created: dict[str, str] = {}
    deleted: dict[str, str] = {}
    recreated: set[str] = set()
    for change in plan.get("resource_changes", ()):
        if change["type"] != "google_pubsub_subscription" or change["name"] not in _OF_FUNCTIONS:
            continue
        name, actions = _HASH.sub("", str(change["index"])), change["change"]["actions"]
        if "create" in actions:
            created[name] = change["change"]["after"]["name"]
        if "delete" in actions:
            deleted[name] = change["change"]["before"]["name"]
        if {"create", "delete"} <= set(actions):
            recreated.add(name)
    return [
        Replacement(name, deleted[name], created[name])
        for name in sorted(created.keys() & deleted.keys())
        # The same name at another address: `make deploy` renames the address first.
        if deleted[name] != created[name] or name in recreated
    ]


def redeliver(deployment: Deployment, replacement: Replacement, started: datetime) -> Command:
    """Redeliver what was published since an hour before the apply started."""
    return gcloud.seek(deployment, replacement.new, _format(started - _LOOK_BACK))


def redeliver_longer(
    deployment: Deployment, replacement: Replacement, started: datetime
) -> Command:
    """Redeliver what was published in the six days before the apply started."""
    return gcloud.seek(deployment, replacement.new, _format(started - _LONGER))


def announce(deployment: Deployment, replacement: Replacement, started: datetime) -> str:
    """Say what happens to the messages; it is printed before the apply, which may be killed."""
    each = replacement
    return (
        f"{each.name}: subscription {each.new} replaces {each.old}. Messages that {each.old} has\n"
        "not delivered are deleted with it. After the apply, this redelivers the events of the\n"
        "last hour (completed effects are not repeated); it runs by itself:\n"
        f"  {shlex.join(redeliver(deployment, each, started))}\n"
        "If older events were waiting, run it with an earlier time, such as:\n"
        f"  {shlex.join(redeliver_longer(deployment, each, started))}"
    )


def _format(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
