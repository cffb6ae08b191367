"""The root is thin, and modules/bridge can be used without it."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.support import ROOT

INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.tf"))
# From modules/package.
FROM_PACKAGE = {
    "source_archive": "${module.package.archive}",
    "topology": "${module.package.topology}",
}


@cache
def parse(file: Path) -> Mapping[str, Any]:
    """The content of a file."""
    with file.open(encoding="utf-8") as text:
        return dict(hcl2.load(text))


def blocks(folder: Path, kind: str) -> dict[str, Mapping[str, Any]]:
    """The blocks of one kind in the files of a module, by label."""
    merged: dict[str, Mapping[str, Any]] = {}
    for file in folder.glob("*.tf"):
        for block in parse(file).get(kind, ()):
            merged |= {label.strip('"'): body for label, body in block.items()}
    return merged


def test_the_root_passes_every_variable() -> None:
    """It has the variables of the modules, and no other."""
    bridge = set(blocks(INFRA / "modules" / "bridge", "variable")) - set(FROM_PACKAGE)
    package = set(blocks(INFRA / "modules" / "package", "variable"))
    modules = {
        name: {key: value for key, value in body.items() if not key.startswith("__")}
        for name, body in blocks(INFRA, "module").items()
    }

    assert set(blocks(INFRA, "variable")) == bridge | package
    assert modules["bridge"] == {
        "source": '"./modules/bridge"',
        **FROM_PACKAGE,
        **{name: f"${{var.{name}}}" for name in bridge},
    }
    assert modules["package"] == {
        "source": '"./modules/package"',
        **{name: f"${{var.{name}}}" for name in package},
    }


def test_a_variable_of_the_root_has_the_default_of_its_module() -> None:
    """Its own default is null, which the module replaces."""
    required = {name for name, each in blocks(INFRA, "variable").items() if "default" not in each}
    defaults = [each["default"] for each in blocks(INFRA, "variable").values() if "default" in each]

    assert required == {"project_id"}
    assert set(map(str, defaults)) == {"None"}


def test_the_root_refuses_fields_that_the_module_would_drop() -> None:
    """It lists the fields of every object that the module takes."""
    (fields,) = (
        each["fields"] for each in parse(INFRA / "variables.tf")["locals"] if "fields" in each
    )
    objects = {
        name: re.findall(r"(\w+) = (?:optional|string|number)", each["type"])
        for name, each in blocks(INFRA / "modules" / "bridge", "variable").items()
        if "object({" in each["type"] and name not in FROM_PACKAGE
    }

    assert {
        name: [field.strip('"') for field in listed]
        for name, listed in fields.items()
        if not name.startswith("__")
    } == objects
    for name in objects:
        (validation,) = blocks(INFRA, "variable")[name]["validation"]
        assert f"local.fields.{name}" in validation["condition"]


@pytest.mark.parametrize("name", ["bridge", "package"])
def test_null_means_the_default(name: str) -> None:
    """A variable of a module is not nullable, or null is its default."""
    variables = blocks(INFRA / "modules" / name, "variable")

    assert [
        name
        for name, each in variables.items()
        if each.get("nullable") is not False and each.get("default", 0) not in (None, "null")
    ] == []


def test_the_root_has_every_output() -> None:
    """With the value of modules/bridge."""
    outputs = {name: each["value"] for name, each in blocks(INFRA, "output").items()}

    assert outputs == {
        name: f"${{module.bridge.{name}}}"
        for name in blocks(INFRA / "modules" / "bridge", "output")
    }


def test_modules_do_not_configure_providers() -> None:
    """Their users do, and may use `for_each`."""
    for module in ("bridge", "package"):
        assert blocks(INFRA / "modules" / module, "provider") == {}


def test_the_bridge_reads_and_writes_no_file() -> None:
    """The zip and the topology come as variables; the zip's path is only passed on."""
    text = "\n".join(
        file.read_text(encoding="utf-8") for file in FILES if file.parent.name == "bridge"
    )

    assert re.findall(r"\b(?:file|fileset|templatefile|filesha256|filebase64)\(", text) == []
    assert re.findall(r"\bpath\.\w+|\blocal_file\b", text) == []


def test_nothing_is_created_before_what_it_replaces_is_deleted() -> None:
    """Terraform extends this to all that it depends on, and the name of a function is unique."""
    assert [file for file in FILES if "create_before_destroy" in file.read_text("utf-8")] == []
