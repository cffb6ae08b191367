"""Tables of Terraform's variables, outputs and alerts, and of each function's grants."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import hcl2

_OBJECT = re.compile(r"object\({(.*)}\)")


def variables(file: Path) -> str:
    """Return the table of the variables in a Terraform file, required ones first."""
    blocks = sorted(_blocks(file, "variable"), key=lambda each: "default" in each[1])
    return _table(
        ("Variable", "Default", "Meaning"),
        ((f"`{name}`", _default(each), _meaning(each)) for name, each in blocks),
    )


def outputs(file: Path) -> str:
    """Return the table of the outputs in a Terraform file."""
    return _table(
        ("Output", "Meaning"),
        ((f"`{name}`", _text(each["description"])) for name, each in _blocks(file, "output")),
    )


def functions(topology: Mapping[str, Any]) -> str:
    """Return the table of each function's callers, grants and resources."""
    return _table(
        ("Function", "Called by", "Publishes on", "Secret", "Firestore", "Buckets", "Instances"),
        (
            (
                f"`{name}`",
                _caller(name, each, topology),
                ", ".join(each["publishes"]),
                "webhook secrets" if "WEBHOOK_SECRETS" in each["secrets"] else "API key",
                "reads, writes" if each["state"] else "",
                ", ".join(use.replace(":", ": ") for use in each["buckets"])
                + ("; signs URLs with its own account" if each.get("signs") else ""),
                _instances(each["resources"]),
            )
            for name, each in topology["functions"].items()
        ),
    )


def alerts(monitoring: Path, variables: Path) -> str:
    """Return the table of alerts with their first action; variables have their defaults."""
    (policies,) = (each["_alerts"] for each in _load(monitoring)["locals"] if "_alerts" in each)
    defaults = {name: each.get("default", "...") for name, each in _blocks(variables, "variable")}
    return _table(
        ("Alert", "Severity", "First action"),
        (
            (
                _text(each["title"]),
                _text(each["severity"]).lower(),
                _with_defaults(_text(each["todo"]), defaults),
            )
            for each in policies.values()
        ),
    )


def _with_defaults(text: str, defaults: Mapping[str, str]) -> str:
    """Replace Terraform's references in the text with the default names."""
    text = re.sub(r"\${var\.(\w+)}", lambda name: _text(defaults[name[1]]), text)
    return re.sub(r"\${[\w.]+\[\"([\w-]+)\"\]\.name}", r"\1", text)


def _caller(name: str, function: Mapping[str, Any], topology: Mapping[str, Any]) -> str:
    if function.get("public"):
        return "anyone; it verifies signatures"
    if any(each["function"] == name for each in topology["schedules"].values()):
        return "Cloud Scheduler"
    return "Pub/Sub"


def _instances(resources: Mapping[str, Any]) -> str:
    limit, requests = resources["max_instances"], resources["concurrency"]
    each = f"{resources['cpu']} CPU, {resources['memory']}, concurrency {requests}"
    return f"up to {limit}, each {each}"


def _blocks(file: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(_text(name), each) for block in _load(file)[kind] for name, each in block.items()]


def _load(file: Path) -> dict[str, Any]:
    with file.open(encoding="utf-8") as text:
        return hcl2.load(text)


def _default(variable: Mapping[str, Any]) -> str:
    if "default" not in variable:
        return "required"
    value = variable["default"]
    if value is None:
        return "`null`"
    if value == {} and _OBJECT.search(variable["type"]) and "map(" not in variable["type"]:
        return "see fields"
    return f"`{_expression(value)}`"


def _expression(value: object) -> str:
    """Return a value in Terraform's syntax."""
    if isinstance(value, dict):
        inside = ", ".join(
            f"{name} = {_expression(each)}"
            for name, each in value.items()
            if name != "__is_block__"
        )
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_expression, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _meaning(variable: Mapping[str, Any]) -> str:
    """Return its description, and the fields of its object type."""
    text = _text(variable["description"])
    fields = _OBJECT.search(variable["type"])
    if fields is None:
        return text
    return f"{text} Fields: {', '.join(_fields(fields.group(1)))}."


def _fields(inside: str) -> Iterable[str]:
    """Yield each field of an object type, with its default if any."""
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
