"""Which older version an acceptance run upgrades from."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.history import NoRevision, Revision, find_revision

_MODULE = "infra/modules/bridge/versions.tf"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose second commit adds modules/bridge, and whose third one changes it."""
    git(tmp_path, "init", "--quiet")
    for number, name in enumerate(("infra/main.tf", _MODULE, _MODULE)):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {number}", encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", f"--message=commit {number}")
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    """Run git as a made-up user; return its output."""
    user = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    command = ("git", *user, "-c", "commit.gpgsign=false", *arguments)
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_without_a_tag_it_is_the_last_commit_before_the_module(repository: Path) -> None:
    """Its deployments have other addresses in their state."""
    revision = find_revision(None, repository)

    assert isinstance(revision, Revision)
    assert revision.commit == git(repository, "rev-parse", "HEAD~2")


def test_it_is_the_newest_tag_before_this_commit(repository: Path) -> None:
    """A tag of this commit is this version."""
    git(repository, "tag", "v0.1.0", "HEAD~1")
    git(repository, "tag", "v0.2.0")

    assert find_revision(None, repository) == Revision(
        "v0.1.0", git(repository, "rev-parse", "HEAD~1")
    )


def test_it_can_be_named(repository: Path) -> None:
    """By anything that git accepts."""
    assert find_revision("HEAD~1", repository) == Revision(
        "HEAD~1", git(repository, "rev-parse", "HEAD~1")
    )
    assert find_revision("v9", repository) == NoRevision("git has no revision v9")


def test_a_shallow_checkout_has_none(repository: Path, tmp_path: Path) -> None:
    """It says why, so that the run can."""
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")

    revision = find_revision(None, tmp_path / "shallow")

    assert isinstance(revision, NoRevision)
    assert "shallow" in revision.reason


def test_an_exported_checkout_has_none(tmp_path: Path) -> None:
    """It is no git repository at all."""
    revision = find_revision(None, tmp_path)

    assert isinstance(revision, NoRevision)
    assert "no git checkout" in revision.reason
