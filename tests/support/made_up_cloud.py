"""Fake `gcloud`, `bq` and `terraform`, which record their calls and what they create.

`put_on_path` writes scripts that run `made_up_cloud.py FOLDER NAME ARGUMENTS...`. A bucket or
secret that exists is a file in FOLDER, a state of another deployment a file in FOLDER/states. A
file FOLDER/responses/NAME is a JSON list: each call takes the first one, and the last one stays.
A file `refuse` has words that make a call fail, and `refusals` how often (always without it).
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

Call = dict[str, str | list[str]]

# What gcloud 528.0.0 writes.
_NO_BUCKET = "ERROR: (gcloud.storage.buckets.describe) gs://{name} not found: 404."
_NO_SECRET = (
    "ERROR: (gcloud.secrets.describe) NOT_FOUND: Secret [projects/1/secrets/{name}] not found."
)
_NO_OBJECT = "ERROR: (gcloud.storage.ls) One or more URLs matched no objects."


def put_on_path(folder: Path, names: tuple[str, ...] = ("gcloud", "bq", "terraform")) -> str:
    """Write the scripts; return a PATH with them."""
    scripts = folder / "bin"
    scripts.mkdir()
    for name in names:
        script = scripts / name
        script.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" "{folder}" {name} "$@"\n',
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
    if _is_refused(folder, words):
        sys.stderr.write("PERMISSION_DENIED: made up\n")
        return 1
    if name == "terraform":
        return _terraform(folder, words, arguments)
    return _gcloud(folder, words, arguments) if name == "gcloud" else 0


def _is_refused(folder: Path, words: str) -> bool:
    refuse, remaining = folder / "refuse", folder / "refusals"
    if not refuse.exists() or refuse.read_text() not in words:
        return False
    if remaining.exists():
        times = int(remaining.read_text())
        remaining.write_text(str(times - 1))
        return times > 0
    return True


def _gcloud(folder: Path, words: str, arguments: tuple[str, ...]) -> int:
    for kind, message in (("secret", _NO_SECRET), ("bucket", _NO_BUCKET)):
        if f" {kind}s describe " in words and not (folder / kind).exists():
            return _fail(message.format(name=arguments[-2].removeprefix("gs://")))
        if f" {kind}s create " in words:
            (folder / kind).touch()
    if " versions add " in words:
        (folder / "version").touch()
    if " versions list " in words and (folder / "version").exists():
        print("1")
    if " storage ls " in words:
        bucket = arguments[2].partition("/**")[0]
        states = sorted((folder / "states").glob("**/*.tfstate"))
        for state in states:
            print(f"{bucket}/{state.relative_to(folder / 'states')}")
        return 0 if states else _fail(_NO_OBJECT)
    if " storage cat " in words:
        path = arguments[2].removeprefix("gs://").partition("/")[2]
        print((folder / "states" / path).read_text())
    if " functions list " in words:
        print(json.dumps(_take_response(folder, "functions")))
    return 0


def _terraform(folder: Path, words: str, arguments: tuple[str, ...]) -> int:
    if " plan " in words:
        (file,) = (each for each in arguments if each.startswith("-out="))
        Path(file.removeprefix("-out=")).write_text(json.dumps(_take_response(folder, "plan")))
    if " show " in words or " apply " in words:
        plan = Path(arguments[-1]).read_text()  # fails if there is no such file
        print(plan if " show " in words else "Apply complete!")
    if " apply " in words and (folder / "slow").exists():
        _wait_for_interrupt(folder)
    if " output " in words:
        print(json.dumps(_take_response(folder, "outputs")))
    if " state pull" in words and (folder / "responses" / "state").exists():
        print(json.dumps(_take_response(folder, "state")))
    return 0


def _wait_for_interrupt(folder: Path) -> None:
    """Store the state a while after Ctrl-C, as Terraform does."""

    def store(*_: object) -> None:
        time.sleep(1)  # longer than the quarter of a second that Python gives a child process
        (folder / "stored").touch()
        sys.exit(1)

    signal.signal(signal.SIGINT, store)
    (folder / "slow").rename(folder / "applying")
    signal.pause()


def _take_response(folder: Path, name: str) -> Any:
    file = folder / "responses" / name
    first, *others = json.loads(file.read_text())
    if others:
        file.write_text(json.dumps(others))
    return first


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
