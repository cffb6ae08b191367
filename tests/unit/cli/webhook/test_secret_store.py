"""`cli.webhook.secret_store`: the file store, and the choice of a store."""

import os
import stat
import threading
from pathlib import Path

import pytest

from videovector_bridge.cli.webhook.secret_store import FileStore, choose_store
from videovector_bridge.errors import BackendError, SettingsError

SECRET = "projects/p/secrets/webhook"  # pragma: allowlist secret


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    """Its mode is 0600, independent of the umask and the old mode. No other file remains."""
    path = tmp_path / "secrets"
    before = os.umask(0)
    try:
        FileStore(path).write("one\n")
        assert mode(path) == 0o600
        path.chmod(0o644)
        FileStore(path).write("two\n")
    finally:
        os.umask(before)

    assert mode(path) == 0o600
    assert FileStore(path).read() == "two\n"
    assert [path] == list(tmp_path.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """A process that has the old file open still reads the old text."""
    path = tmp_path / "secrets"
    FileStore(path).write("old\n")

    with path.open() as reader:
        FileStore(path).write("new\n")

        assert reader.read() == "old\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it points to is replaced."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old\n")
    link.symlink_to(target)

    FileStore(link).write("new\n")

    assert link.is_symlink()
    assert target.read_text() == "new\n"


def test_a_missing_file_is_an_empty_store(tmp_path: Path) -> None:
    """`check_writable` creates nothing that remains."""
    store = FileStore(tmp_path / "secrets")

    store.check_writable()

    assert store.read() == ""
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_refused_early(tmp_path: Path) -> None:
    """A missing folder, a folder instead of the file, a file instead of its folder."""
    file = tmp_path / "file"
    file.touch()
    for path in (tmp_path / "none" / "x", tmp_path, file / "x"):
        with pytest.raises(SettingsError, match="--secret-file"):
            FileStore(path).check_writable()
    with pytest.raises(BackendError, match="could not be written"):
        FileStore(tmp_path / "none" / "x").write("word")


@pytest.mark.parametrize("kind", ["circle", "too long"])
def test_an_impossible_path_is_refused(tmp_path: Path, kind: str) -> None:
    """A link to itself, or a name that is too long."""
    path = tmp_path / ("x" * 300)
    if kind == "circle":
        path = tmp_path / "circle"
        path.symlink_to(path)
    store = FileStore(path)

    with pytest.raises(SettingsError, match="--secret-file"):
        store.check_writable()
    with pytest.raises((SettingsError, BackendError)):
        store.read()


def test_only_one_command_has_the_lock(tmp_path: Path) -> None:
    """Another command waits until the first releases it."""
    store = FileStore(tmp_path / "secrets")
    order: list[str] = []
    started = threading.Event()

    def other() -> None:
        started.set()
        with FileStore(tmp_path / "secrets").lock():
            order.append("other")

    with store.lock():
        thread = threading.Thread(target=other)
        thread.start()
        started.wait(30)
        order.append("first")
    thread.join(30)

    assert order == ["first", "other"]
    assert mode(tmp_path / ".secrets.lock") == 0o600


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """The old text stays, and no other file contains the new secret."""
    path = tmp_path / "secrets"
    FileStore(path).write("old\n")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BackendError, match="No space left"):
        FileStore(path, fsync=full).write("new\n")

    assert path.read_text() == "old\n"
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """The message does not quote it."""
    path = tmp_path / "secrets"
    path.write_bytes(b"hidden\xff")

    with pytest.raises(SettingsError) as caught:
        FileStore(path).read()

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["webhook", "projects/p/secrets/s/versions/1", "projects/p"])
def test_a_secret_has_a_full_name(name: str) -> None:
    """The message shows the form."""
    problems: list[str] = []

    assert choose_store(None, name, problems) is None
    assert "projects/PROJECT/secrets/NAME" in problems[0]


def test_exactly_one_store_must_be_chosen(tmp_path: Path) -> None:
    """A file or a secret, but not both."""
    problems: list[str] = []

    assert choose_store(None, "", problems) is None
    assert choose_store(tmp_path / "x", SECRET, problems) is None
    assert len(problems) == 2
    assert str(choose_store(tmp_path / "x", "", problems)) == str(tmp_path / "x")
