"""The source tree that this command line belongs to: its version, and the hash of its functions."""

import json
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGE: Final = "videovector-bridge"
SOURCE_TREE: Final = Path(__file__).resolve().parents[3]
_NOT_DEPLOYED: Final = "videovector_bridge/cli/"
# Terraform's jsonencode escapes these, as Go does.
_ESCAPED: Final = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def find_version(source_tree: Path = SOURCE_TREE) -> str:
    """Return the version in pyproject.toml; without a source tree, that of the installed package.

    The source tree has priority because another version may be installed beside it.
    """
    project = source_tree / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return version(PACKAGE)


def find_source_hash(automations: Path | None = None, source_tree: Path = SOURCE_TREE) -> str:
    """Return the hash that infra/modules/package computes; empty without a source tree.

    `automations` is the automations file, by default that of the tree. Raises `OSError`.
    """
    folder = source_tree / "functions"
    if not (folder / "main.py").is_file():
        return ""
    files = [folder / "main.py", folder / "requirements.txt"]
    files += sorted((folder / "videovector_bridge").rglob("*.py"))
    content = {
        name: file.read_text(encoding="utf-8")
        for file in files
        if not (name := file.relative_to(folder).as_posix()).startswith(_NOT_DEPLOYED)
    }
    chosen = automations or folder / "automations.toml"
    content["automations.toml"] = chosen.read_text(encoding="utf-8")
    return sha256(_encode(content)).hexdigest()


def _encode(content: Mapping[str, str]) -> bytes:
    """Return `jsonencode(content)` as Terraform writes it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(_ESCAPED.get(char, char) for char in text).encode()
