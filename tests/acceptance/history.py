"""An older version of the repository, from git."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support import ROOT

_PARTS = ("infra", "functions", "pyproject.toml")
# The first file of modules/bridge: deployments made before it have other addresses in their state.
_MODULE = "infra/modules/bridge/versions.tf"


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit to upgrade from, with the name that chose it."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class NoRevision:
    """There is no commit to upgrade from; `reason` is a clause."""

    reason: str


def find_revision(name: str | None, root: Path = ROOT) -> Revision | NoRevision:
    """Return the named revision, or by default the last version before this one.

    That is the newest tag before HEAD, and without a tag the last commit before modules/bridge.
    """
    git = partial(_git, root)
    if name is not None:
        commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return Revision(name, commit) if commit else NoRevision(f"git has no revision {name}")
    if not git("rev-parse", "--git-dir"):
        return NoRevision("this is no git checkout, so it has no older version")
    if tag := git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^"):
        return Revision(tag, git("rev-parse", f"{tag}^{{commit}}"))
    added = git("log", "--diff-filter=A", "--format=%H", "--", _MODULE).split()
    if added and (commit := git("rev-parse", "--verify", "--quiet", f"{added[-1]}^")):
        return Revision(f"{commit[:10]}, before modules/bridge", commit)
    return NoRevision("this checkout has no commit before modules/bridge (is it shallow?)")


def extract(revision: Revision, folder: Path) -> Path:
    """Write what a deployment needs of a revision into a folder, and return it."""
    archive = subprocess.run(
        ("git", "archive", revision.commit, *_PARTS), cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def _git(root: Path, *arguments: str) -> str:
    """Return the output of git; empty if it fails."""
    done = subprocess.run(
        ("git", *arguments), cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
