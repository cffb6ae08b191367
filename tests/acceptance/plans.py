"""What Terraform reports as JSON: planned changes, errors, and data that a change would delete."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

_LONGEST_ERROR = 600
DELETING = frozenset({"delete", "replace"})
# What holds data: cursors, events, undelivered messages, secrets. The bucket of the functions'
# source holds none.
_DATA_TYPES = frozenset(
    {
        "google_bigquery_dataset",
        "google_bigquery_table",
        "google_firestore_database",
        "google_pubsub_topic",
        "google_secret_manager_secret",
        "google_storage_bucket",
    }
)
_PULL_SUBSCRIPTION = re.compile(r"(.*\.)?google_pubsub_subscription\.pull\[.*\]")
_SOURCE_BUCKET = re.compile(r"(.*\.)?google_storage_bucket\.source")


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A planned change of a resource: create, update, replace, delete, move or remove.

    `remove` is what Terraform forgets and does not delete. `reason` is Terraform's word for why.
    """

    address: str
    type: str
    action: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.address}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a Terraform command. `code` is its exit code; `errors` are whole sentences."""

    code: int
    changes: tuple[Change, ...] = ()
    outputs: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    failed_addresses: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        """Whether the command succeeded; a plan with changes did."""
        return self.code in (0, 2) and not self.errors


def read_report(code: int, output: str) -> Report:
    """Read the lines that `terraform plan|apply|destroy -json` prints; other lines are ignored."""
    messages = list(_messages(output))
    errors = [
        message["diagnostic"]
        for message in messages
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error"
    ]
    return Report(
        code=code,
        changes=tuple(
            _read_change(message["change"])
            for message in messages
            if message["type"] == "planned_change" and message["change"]["action"] != "noop"
        ),
        outputs=tuple(sorted(_changed_outputs(messages))),
        errors=tuple(_describe_error(error) for error in errors),
        failed_addresses=frozenset(error["address"] for error in errors if error.get("address")),
    )


def find_losses(changes: Iterable[Change]) -> list[str]:
    """Return a sentence for each change that deletes what holds data."""
    return [
        f"{change.address} holds data, and the plan would {change.action} it"
        for change in changes
        if change.action in DELETING and _holds_data(change.address, change.type)
    ]


def _holds_data(address: str, resource_type: str) -> bool:
    """Return whether deleting the resource deletes data that nothing can create again."""
    if resource_type == "google_pubsub_subscription":
        return _PULL_SUBSCRIPTION.fullmatch(address) is not None
    return resource_type in _DATA_TYPES and _SOURCE_BUCKET.fullmatch(address) is None


def find_deletions(changes: Iterable[Change], resource_type: str) -> list[str]:
    """Return a sentence for each resource of this type that a change deletes."""
    return [
        f"the plan would {change.action} {change.address}"
        for change in changes
        if change.action in DELETING and change.type == resource_type
    ]


def describe_plan(plan: Json) -> list[str]:
    """Return a sentence for each change of `terraform show -json`, with its attributes."""
    sentences = []
    for resource in plan.get("resource_changes", []):
        change = resource["change"]
        actions = change["actions"]
        if actions in (["no-op"], ["read"]):
            continue
        attributes = ", ".join(_changed_attributes(change))
        detail = f" because of {attributes}" if attributes and actions != ["create"] else ""
        sentences.append(f"the plan would {' and '.join(actions)} {resource['address']}{detail}")
    sentences += [
        f"the plan would change the output {name}"
        for name, change in plan.get("output_changes", {}).items()
        if change["actions"] != ["no-op"]
    ]
    return sentences


def _messages(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _read_change(change: Json) -> Change:
    resource = change["resource"]
    return Change(
        resource["addr"], resource["resource_type"], change["action"], change.get("reason", "")
    )


def _changed_outputs(messages: Iterable[Json]) -> set[str]:
    return {
        name
        for message in messages
        if message["type"] == "outputs"
        for name, output in message["outputs"].items()
        if output.get("action", "noop") != "noop"
    }


def _describe_error(error: Json) -> str:
    where = f"{error['address']}: " if error.get("address") else ""
    detail = error.get("detail", "")
    text = where + error["summary"] + (f". {detail}" if detail else "")
    # One line: providers indent, and quote whole responses.
    return textwrap.shorten(text, _LONGEST_ERROR, placeholder=" ...")


def _changed_attributes(change: Json) -> list[str]:
    if paths := change.get("replace_paths"):
        return [".".join(map(str, path)) for path in paths]
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    return [
        name
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) or unknown.get(name)
    ]
