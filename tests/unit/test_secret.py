"""`secret`: a value or a file that is read again when it changes."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from videovector_bridge.secret import Secret


def test_a_value_is_itself() -> None:
    """A secret given as a value stays as it is, and out of sight."""
    secret = Secret("word")

    assert secret.current() == "word"
    assert "word" not in repr(secret)
    assert "word" not in str(secret)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotated key is in force at once, though it has the same length."""
    file = tmp_path / "key"
    file.write_text("first\n")
    secret = Secret(file=str(file))
    assert secret.current() == "first"
    file.write_text("other\n")
    os.utime(file, ns=(1, 1))

    assert secret.current() == "other"
    assert "other" not in repr(secret)


def test_a_mount_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    """A mounted secret changes as a link does: another file under the same name."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(1, 1))
    link = tmp_path / "key"
    link.symlink_to(tmp_path / "one")
    secret = Secret(file=str(link))
    assert secret.current() == "one"
    link.unlink()
    link.symlink_to(tmp_path / "two")

    assert secret.current() == "two"


def in_seconds(seconds: float) -> Callable[[], float]:
    """A clock that is ahead of the file system's."""
    return lambda: time.time() + seconds


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking often costs a look at the file's times only."""
    file = tmp_path / "key"
    file.write_text("word")
    secret = Secret(file=str(file), clock=in_seconds(60))
    secret.current()
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_kw: pytest.fail("read again"))

    assert secret.current() == "word"


def same_looks(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let files look as this one does now, as where a clock ticks slowly or not at all."""
    looks = file.stat()
    monkeypatch.setattr(Path, "stat", lambda *_args, **_kw: looks)


def test_a_change_within_a_tick_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was just written may be written again without looking any different."""
    file = tmp_path / "key"
    file.write_text("first")
    secret = Secret(file=str(file))
    same_looks(monkeypatch, file)
    assert secret.current() == "first"
    file.write_text("other")

    assert secret.current() == "other"


def test_a_change_that_never_shows_is_noticed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute later a file is read again, however unchanged it looks."""
    file = tmp_path / "key"
    file.write_text("first")
    ahead = [60.0]
    secret = Secret(file=str(file), clock=lambda: time.time() + ahead[0])
    same_looks(monkeypatch, file)
    assert secret.current() == "first"
    file.write_text("other")
    assert secret.current() == "first"
    ahead[0] += 31

    assert secret.current() == "other"


def test_threads_never_keep_an_old_value(tmp_path: Path) -> None:
    """Many readers during many changes all end with the last one."""
    file = tmp_path / "key"
    file.write_text("0")
    secret = Secret(file=str(file), clock=in_seconds(60))

    def change() -> None:
        for number in range(1, 200):
            draft = tmp_path / f"draft-{number}"
            draft.write_text(str(number))
            draft.replace(file)

    with ThreadPoolExecutor(5) as pool:
        changing = pool.submit(change)
        while not changing.done():
            list(pool.map(lambda _: secret.current(), range(20)))

    assert secret.current() == "199"


@pytest.mark.parametrize("spoil", ["removed", "binary"])
def test_a_file_that_cannot_be_read_leaves_the_last_value(tmp_path: Path, spoil: str) -> None:
    """While a secret is being replaced, the value before stays in force."""
    file = tmp_path / "key"
    file.write_text("word")
    secret = Secret(file=str(file))
    secret.current()
    if spoil == "removed":
        file.unlink()
    else:
        file.write_bytes(b"\xff\xfe\xfd")

    assert secret.current() == "word"


def test_without_any_value_the_error_shows(tmp_path: Path) -> None:
    """A file that never could be read is an error."""
    with pytest.raises(FileNotFoundError):
        Secret(file=str(tmp_path / "none")).current()
