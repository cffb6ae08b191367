"""Runs gcloud and Terraform, in the folder of the Terraform files."""

import contextlib
import re
import shlex
import subprocess
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1]
Command = tuple[str, ...]


class FailedError(Exception):
    """A step failed or was refused; the message says what happened and what to do."""


def run_step(command: Command, title: str, *, stdin: str | None = None) -> None:
    """Print the title, and run a command with its output on the terminal.

    Raises `FailedError` if it fails. After Ctrl-C it waits for the command, which gets the signal
    too: Terraform must store its state.
    """
    print(f"== {title}", flush=True)
    pipe = None if stdin is None else subprocess.PIPE
    with subprocess.Popen(command, cwd=INFRA, stdin=pipe, text=True) as process:
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin or "")
                process.stdin.close()
        status = _wait(process)
    if status:
        raise FailedError(f"{title}: `{shlex.join(command[:3])}` ended with {status}.")


def _wait(process: subprocess.Popen[str]) -> int:
    interrupted = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            interrupted = True
        else:
            break
    if interrupted:
        raise KeyboardInterrupt
    return status


def read_output(command: Command) -> str:
    """Run a command, and return what it prints. Raises `FailedError` if it fails."""
    return _read(command, "") or ""


def read_if_exists(command: Command, absent: str) -> str | None:
    """Run a command, and return what it prints; None if its error matches the pattern `absent`.

    Raises `FailedError` for every other error: one for a missing permission or a broken network
    does not say that something does not exist.
    """
    return _read(command, absent)


def _read(command: Command, absent: str) -> str | None:
    completed = subprocess.run(command, cwd=INFRA, capture_output=True, text=True, check=False)
    if completed.returncode == 0:
        return completed.stdout.strip()
    if absent and re.search(absent, completed.stderr):
        return None
    raise FailedError(
        f"`{shlex.join(command)}` ended with {completed.returncode}: {completed.stderr.strip()}"
    )
