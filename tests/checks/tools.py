"""Checks by tools of others: linters, the resolver behind the locks, the scanner for secrets."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.checks.sources import ROOT, list_tracked

BIN = Path(sys.executable).parent
LOCKS = {
    "functions/requirements.txt": ("pyproject.toml",),
    "infra/deploy/requirements.txt": ("--group", "deploy"),
    "infra/local/requirements.txt": ("pyproject.toml", "--group", "local"),
    "tests/requirements.txt": ("pyproject.toml", "--group", "dev"),
    "tests/infra/requirements.txt": ("--group", "scan"),  # alone: its pins would rule ours
    "tests/bench/requirements.txt": ("--group", "plots"),
}
# Keys and passwords in tests, the trace ids of the W3C's own example, and the name of a secret.
MADE_UP = (
    r"^(sk_(wrong|x|live_1234)|two\\nlines|pw$|hidden-word$|deadbeefcafe|0af7651916cd|b7ad6b716920"
    r"|(vv-)?videovector-webhook-secrets$)"
)


def run(name: str, *arguments: str) -> str:
    """Run a tool of the virtual environment; its output if it failed."""
    done = subprocess.run(
        [str(BIN / name), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def check_locks() -> str:
    """Resolve again, with each lock as preference: nothing may change."""
    findings = []
    for lock, sources in LOCKS.items():
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "requirements.txt"
            before = (ROOT / lock).read_text(encoding="utf-8")
            copy.write_text(before, encoding="utf-8")
            options = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
            options += ["--no-emit-index-url", "--no-annotate", "--no-header"]
            failure = run("uv", "pip", "compile", *options, *sources, "--output-file", str(copy))
            if failure:
                findings.append(f"{lock}: {failure}")
            elif copy.read_text(encoding="utf-8") != before:
                findings.append(f"{lock} does not match pyproject.toml; run `make lock`.")
    return "\n".join(findings)


def check_secrets() -> str:
    """No tracked file holds what looks like a secret, except those that tests made up."""
    files = [path for path in list_tracked() if not path.endswith("requirements.txt")]
    return run("detect-secrets-hook", "--exclude-secrets", MADE_UP, *files)
