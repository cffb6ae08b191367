"""`gcloud` and `terraform` for tests: they note how they are called, and keep what is made.

Run as `made_up_cloud.py FOLDER NAME ARGUMENTS...` by two scripts on the PATH, which `put_on_path`
writes. What is there is a file in FOLDER; a file `refuse` there names words that make a call fail.
"""

import json
import os
import sys
from pathlib import Path

Call = dict[str, str | list[str]]


def put_on_path(folder: Path, names: tuple[str, ...] = ("gcloud", "terraform")) -> str:
    """Write the scripts; the PATH to give to whoever is to find them."""
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
    """The calls so far: `name`, `arguments`, `given` on standard input, and `folder`."""
    log = folder / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main(folder: Path, name: str, *arguments: str) -> int:
    """One call."""
    given = sys.stdin.read() if "--data-file=-" in arguments else ""
    call = {"name": name, "arguments": arguments, "given": given, "folder": str(Path.cwd())}
    with (folder / "calls").open("a", encoding="utf-8") as log:
        log.write(json.dumps(call) + "\n")
    words = " ".join((name, *arguments))
    refuse = folder / "refuse"
    if refuse.exists() and refuse.read_text() in words:
        sys.stderr.write("PERMISSION_DENIED: made up\n")
        return 1
    return _gcloud(folder, words) if name == "gcloud" else _terraform(folder, words)


def _gcloud(folder: Path, words: str) -> int:
    for thing in ("secret", "bucket"):
        if f" {thing}s describe " in words:
            return 0 if (folder / thing).exists() else 1
        if f" {thing}s create " in words:
            (folder / thing).touch()
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
