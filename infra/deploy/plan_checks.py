"""Decisions over a plan (`terraform show -json`): what must not be applied, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.deploy.resources import Json, Resource, list_resources
from infra.deploy.settings import Deployment

# Why Terraform deletes or replaces, where no attribute says it.
_REASONS = {
    "replace_because_tainted": "its creation failed half-way (it is tainted)",
    "replace_by_request": "-replace asks for it",
}
_NOT_CONFIGURED = "the configuration does not ask for it"


@dataclass(frozen=True, slots=True)
class Loss:
    """Data that a plan would delete."""

    resource: Resource
    verb: str
    reason: str

    @property
    def sentence(self) -> str:
        """What would be deleted, what it holds, and why."""
        resource = self.resource
        return (
            f"{resource.title} ({resource.address}), which holds {resource.data}, "
            f"would be {self.verb}, because {self.reason}."
        )


def has_changes(plan: Json) -> bool:
    """Whether there is anything to apply; a renamed address counts."""
    return bool(plan.get("applyable", True))


def read_variable(plan: Json, name: str) -> Any:
    """Return the value of a root variable, which may be its default; None if there is none."""
    return plan.get("variables", {}).get(name, {}).get("value")


def creates(plan: Json, kind: str) -> bool:
    """Whether the plan creates a resource of this type."""
    return any("create" in change["change"]["actions"] for change in _iter_changes(plan, kind))


def find_losses(plan: Json) -> list[Loss]:
    """Return what the plan would delete, or replace by something empty, although it holds data."""
    losses = []
    for change in _iter_changes(plan):
        actions = change["change"]["actions"]
        resource = _resource_before(change)
        if "delete" in actions and resource.data is not None:
            verb = "replaced by an empty one" if "create" in actions else "deleted"
            losses.append(Loss(resource, verb, _explain(change)))
    return losses


def find_refusals(plan: Json, losses: list[Loss]) -> list[str]:
    """Return why the plan must not be applied; nothing if its losses need only an approval."""
    if read_variable(plan, "deletion_protection") is not False:
        return [loss.sentence for loss in losses]
    return [
        f"{loss.sentence} It is still protected: first deploy with deletion_protection = false and "
        "without this change."
        for loss in losses
        if loss.resource.protected
    ]


def find_conflicts(plan: Json, others: Mapping[str, Json], deployment: Deployment) -> list[str]:
    """Return a sentence for each other state that manages something of this plan too.

    `others` has states by their address, `gs://BUCKET/NAME/default.tfstate`. Topics, databases,
    buckets and datasets are compared, by the names that Google Cloud knows.
    """
    planned = {
        (resource.type, resource.cloud_name, resource.values.get("project") or deployment.project)
        for resource in _iter_planned(plan)
    }
    conflicts = []
    for url, state in others.items():
        shared = [
            resource
            for resource in list_resources(state)
            if (resource.type, resource.cloud_name, resource.values.get("project")) in planned
        ]
        if shared:
            name = url.removeprefix(f"gs://{deployment.state_bucket}/").rpartition("/")[0]
            conflicts.append(
                f"{', '.join(resource.title for resource in shared)}: the state {url} manages "
                f"this too. To change that deployment, set NAME={name}. For another deployment in "
                f"this project, set another `prefix` in VARS than the one of {name}."
            )
    return conflicts


def _iter_changes(plan: Json, kind: str = "") -> Iterator[Json]:
    for change in plan.get("resource_changes", ()):
        if change["mode"] == "managed" and kind in ("", change["type"]) and "deposed" not in change:
            yield change


def _resource_before(change: Json) -> Resource:
    return _make_resource(change, change["change"]["before"] or {})


def _make_resource(change: Json, values: Json) -> Resource:
    return Resource(
        type=change["type"],
        name=change["name"],
        module=change.get("module_address", ""),
        key=change.get("index"),
        values=values,
    )


def _iter_planned(plan: Json) -> Iterator[Resource]:
    """Yield what will exist after the apply, of the kinds that have a name of their own."""
    for change in _iter_changes(plan):
        resource = _make_resource(change, change["change"]["after"] or {})
        # A table and a pull subscription are in a dataset or on a topic, which is compared.
        if resource.cloud_name and resource.type not in (
            "google_bigquery_table",
            "google_pubsub_subscription",
        ):
            yield resource


def _explain(change: Json) -> str:
    """Return why Terraform deletes or replaces this."""
    paths = change["change"].get("replace_paths") or []
    shortest = [
        path for path in paths if not any(path[: len(other)] == other != path for other in paths)
    ]
    if shortest:
        return " and ".join(_explain_path(change["change"], path) for path in shortest)
    return _REASONS.get(change.get("action_reason", ""), _NOT_CONFIGURED)


def _explain_path(change: Json, path: list[str | int]) -> str:
    name = ".".join(step for step in path if isinstance(step, str))
    before, after = (_read_path(change[side], path) for side in ("before", "after"))
    if isinstance(before, str) and isinstance(after, str):
        return f"{name} changes from {before!r} to {after!r}"
    return f"{name} changes"


def _read_path(value: Any, path: list[str | int]) -> Any:
    try:
        for step in path:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return None
    return value
