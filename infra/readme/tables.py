"""Tables of Terraform's variables, outputs and alerts, and of each function's grants."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import hcl2

_STATE: Mapping[object, str] = {True: "reads, writes", "read": "reads", False: ""}
_OBJECT = re.compile(r"object\({(.*)}\)")


def build_variables_table(root: Path, modules: Iterable[Path]) -> str:
    """Return the table of the root's variables as the modules describe them, required ones first.

    Raises `KeyError` for a variable that no module describes.
    """
    described = {name: block for file in modules for name, block in _blocks(file, "variable")}
    blocks = [(name, described[name]) for name, _ in _blocks(root, "variable")]
    return _table(
        ("Variable", "Default", "Meaning"),
        (
            (f"`{name}`", _default(block), _meaning(block))
            for name, block in sorted(blocks, key=lambda block: "default" in block[1])
        ),
    )


def build_outputs_table(root: Path, module: Path) -> str:
    """Return the table of the root's outputs as the module describes them.

    Raises `KeyError` for an output that the module does not describe.
    """
    described = dict(_blocks(module, "output"))
    return _table(
        ("Output", "Meaning"),
        (
            (f"`{name}`", _text(described[name]["description"]))
            for name, _ in _blocks(root, "output")
        ),
    )


def build_functions_table(topology: Mapping[str, Any]) -> str:
    """Return the table of each function's callers, grants and resources."""
    return _table(
        ("Function", "Called by", "Publishes on", "Secret", "Firestore", "Buckets", "Instances"),
        (
            (
                f"`{name}`",
                _caller(name, function, topology),
                ", ".join(function["publishes"]),
                "webhook secrets" if "WEBHOOK_SECRETS" in function["secrets"] else "API key",
                _STATE[function["state"]],
                ", ".join(use.replace(":", ": ") for use in function["buckets"])
                + ("; signs URLs with its own account" if function.get("signs") else ""),
                _instances(function["resources"]),
            )
            for name, function in topology["functions"].items()
        ),
    )


def build_alerts_table(alerts: Path, variables: Path) -> str:
    """Return the table of alerts with their first action; variables have their defaults.

    A title links to its section of docs/operating.md.
    """
    (policies,) = (block["_alerts"] for block in _load(alerts)["locals"] if "_alerts" in block)
    defaults = {name: block.get("default", "...") for name, block in _blocks(variables, "variable")}
    return _table(
        ("Alert", "Severity", "Raised by", "First action"),
        (
            (
                f"[{_text(policy['title'])}](../docs/operating.md#{_anchor(policy['runbook'])})",
                _text(policy["severity"]).lower(),
                _raised_by(policy),
                _with_defaults(_text(policy["todo"]), defaults),
            )
            for policy in policies.values()
        ),
    )


def _raised_by(policy: Mapping[str, Any]) -> str:
    """Return what raises an alert at the lowest level that has it."""
    level = _text(policy["level"])
    if policy["line"] not in (None, "null"):
        return "a log line"
    return "a metric" + ("" if level == "essential" else f'; only with `level = "{level}"`')


def _anchor(runbook: str) -> str:
    """Return the anchor of a section's heading, as GitHub generates it."""
    return re.sub(r"[^\w -]", "", _text(runbook).lower()).replace(" ", "-")


def _with_defaults(text: str, defaults: Mapping[str, str]) -> str:
    """Replace Terraform's references in the text with the default names."""
    text = text.replace("${local._target}", "--project=...")
    text = re.sub(r"\${var\.(\w+)}", lambda name: _text(defaults[name[1]]), text)
    return re.sub(r"\${[\w.]+\[\"([\w-]+)\"\]\.name}", r"\1", text)


def _caller(name: str, function: Mapping[str, Any], topology: Mapping[str, Any]) -> str:
    if function.get("public"):
        return "anyone; it verifies signatures"
    if any(schedule["function"] == name for schedule in topology["schedules"].values()):
        pulls = [
            f"`{key}`"
            for key, subscription in topology["subscriptions"].items()
            if subscription.get("reader") == name
        ]
        return "Cloud Scheduler" + (f"; pulls {', '.join(pulls)}" if pulls else "")
    return "Pub/Sub"


def _instances(resources: Mapping[str, Any]) -> str:
    limit, requests = resources["max_instances"], resources["concurrency"]
    size = f"{resources['cpu']} CPU, {resources['memory']}, concurrency {requests}"
    return f"up to {limit}, each {size}"


def _blocks(file: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(_text(name), body) for block in _load(file)[kind] for name, body in block.items()]


def _load(file: Path) -> dict[str, Any]:
    with file.open(encoding="utf-8") as text:
        return hcl2.load(text)


def _default(variable: Mapping[str, Any]) -> str:
    if "default" not in variable:
        return "required"
    value = variable["default"]
    if value is None:
        return "`null`"
    if value == {} and variable["type"].removeprefix("${").startswith("object("):
        return "see fields"
    return f"`{_expression(value)}`"


def _expression(value: object) -> str:
    """Return a value in Terraform's syntax."""
    if isinstance(value, dict):
        inside = ", ".join(
            f"{name} = {_expression(item)}"
            for name, item in value.items()
            if name != "__is_block__"
        )
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_expression, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _meaning(variable: Mapping[str, Any]) -> str:
    """Return the description of a variable, and the fields of its object type."""
    text = _text(variable["description"])
    fields = _OBJECT.search(variable["type"])
    if fields is None:
        return text
    return f"{text} Fields: {', '.join(_fields(fields.group(1)))}."


def _fields(inside: str) -> Iterable[str]:
    """Yield each field of an object type, and its default if it has one."""
    for name, kind in re.findall(r"(\w+) = (optional\((?:[^()]|\([^()]*\))*\)|\w+)", inside):
        if ", " in kind:
            default = kind.split(", ", 1)[1].removesuffix(")")
            yield f"`{name}` (`{default}`)"
        else:
            yield f"`{name}`" + ("" if kind.startswith("optional") else " (required)")


def _text(quoted: str) -> str:
    """Return the text of a quoted Terraform string."""
    return quoted.removeprefix('"').removesuffix('"').replace('\\"', '"')


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines
    )
