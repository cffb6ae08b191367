"""`secret`: a value or a file that is read again when it changes."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from videovector_bridge.secret import Secret


def test_a_value_is_itself() -> None:
    """A secret from a value is unchanged, and hidden from `repr`."""
    secret = Secret("word")

    assert secret.current() == "word"
    assert "word" not in repr(secret)
    assert "word" not in str(secret)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotated key applies at once, even with the same length."""
    file = tmp_path / "key"
    file.write_text("first\n")
    secret = Secret(file=str(file))
    assert secret.current() == "first"
    file.write_text("other\n")
    os.utime(file, ns=(1, 1))

    assert secret.current() == "other"
    assert "other" not in repr(secret)


def test_a_replaced_mount_is_noticed(tmp_path: Path) -> None:
    """A mounted secret changes like a link: another file under the same name."""
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
    """Return a clock that is ahead of the file system's."""
    return lambda: time.time() + seconds


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call costs one `stat` only."""
    file = tmp_path / "key"
    file.write_text("word")
    secret = Secret(file=str(file), clock=in_seconds(60))
    secret.current()
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_kw: pytest.fail("read again"))

    assert secret.current() == "word"


def freeze_stat(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Give every file the current `stat` of this one, as a slow clock does."""
    looks = file.stat()
    monkeypatch.setattr(Path, "stat", lambda *_args, **_kw: looks)


def test_a_change_within_a_tick_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was just written may change again with the same `stat`."""
    file = tmp_path / "key"
    file.write_text("first")
    secret = Secret(file=str(file))
    freeze_stat(monkeypatch, file)
    assert secret.current() == "first"
    file.write_text("other")

    assert secret.current() == "other"


def test_a_change_without_a_new_stat_is_noticed_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half a minute a file is read again, even with the same `stat`."""
    file = tmp_path / "key"
    file.write_text("first")
    ahead = [60.0]
    secret = Secret(file=str(file), clock=lambda: time.time() + ahead[0])
    freeze_stat(monkeypatch, file)
    assert secret.current() == "first"
    file.write_text("other")
    assert secret.current() == "first"
    ahead[0] += 31

    assert secret.current() == "other"


def test_threads_never_keep_an_old_value(tmp_path: Path) -> None:
    """Many readers during many changes all read the last one in the end."""
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
def test_an_unreadable_file_keeps_the_last_value(tmp_path: Path, spoil: str) -> None:
    """While a secret is replaced, the value before stays valid."""
    file = tmp_path / "key"
    file.write_text("word")
    secret = Secret(file=str(file))
    secret.current()
    if spoil == "removed":
        file.unlink()
    else:
        file.write_bytes(b"\xff\xfe\xfd")

    assert secret.current() == "word"


def test_without_any_value_the_error_is_raised(tmp_path: Path) -> None:
    """A file that was never readable is an error."""
    with pytest.raises(FileNotFoundError):
        Secret(file=str(tmp_path / "none")).current()
