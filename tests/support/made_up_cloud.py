"""Fake `gcloud` and `terraform`, which record their calls and the resources that they create.

`put_on_path` writes two scripts that run `made_up_cloud.py FOLDER NAME ARGUMENTS...`. Each created
resource is a file in FOLDER. A file `refuse` there has words that make a call fail.
"""

import json
import os
import sys
from pathlib import Path

Call = dict[str, str | list[str]]


def put_on_path(folder: Path, names: tuple[str, ...] = ("gcloud", "terraform")) -> str:
    """Write the scripts; return a PATH with them."""
    scripts = folder / "bin"
    scripts.mkdir()
    for name in names:
        script = scripts / name
        script.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{folder}" {name} "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o755)
    return f"{scripts}{os.pathsep}/usr/bin{os.pathsep}/bin"


def calls(folder: Path) -> list[Call]:
    """Return the calls so far: `name`, `arguments`, `stdin` and `folder`."""
    log = folder / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main(folder: Path, name: str, *arguments: str) -> int:
    """Record one call and act on it; return its exit status."""
    stdin = sys.stdin.read() if "--data-file=-" in arguments else ""
    call = {"name": name, "arguments": arguments, "stdin": stdin, "folder": str(Path.cwd())}
    with (folder / "calls").open("a", encoding="utf-8") as log:
        log.write(json.dumps(call) + "\n")
    words = " ".join((name, *arguments))
    refuse = folder / "refuse"
    if refuse.exists() and refuse.read_text() in words:
        sys.stderr.write("PERMISSION_DENIED: made up\n")
        return 1
    return _gcloud(folder, words) if name == "gcloud" else _terraform(folder, words)


def _gcloud(folder: Path, words: str) -> int:
    for kind in ("secret", "bucket"):
        if f" {kind}s describe " in words:
            return 0 if (folder / kind).exists() else 1
        if f" {kind}s create " in words:
            (folder / kind).touch()
    if " versions add " in words:
        (folder / "version").touch()
    if " versions list " in words and (folder / "version").exists():
        sys.stdout.write("1\n")
    return 0


def _terraform(folder: Path, words: str) -> int:
    outputs = folder / "outputs"
    if " output " in words:
        if not outputs.exists():
            return 1
        sys.stdout.write(outputs.read_text())
    if " apply" in words:
        outputs.write_text((folder / "planned").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
