"""A secret that may be rotated while the process runs."""

from pathlib import Path


class Secret:
    """A secret given as a value, or as a file that is read again whenever it changes.

    A mounted Secret Manager volume changes in place when the secret gets a new version, so that
    a rotation needs no redeploy. The value is hidden from `repr`.
    """

    def __init__(self, value: str = "", file: str = "") -> None:
        self._value = value
        self._file = Path(file) if file else None
        self._stamp: tuple[int, int, int] | None = None

    def current(self) -> str:
        """The secret as it is now, without blanks around it.

        A file that cannot be read leaves the last value in force; OSError or
        UnicodeDecodeError if there is none.
        """
        if self._file is not None:
            try:
                found = self._file.stat()
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
                if stamp != self._stamp:
                    self._value = self._file.read_text(encoding="utf-8").strip()
                    self._stamp = stamp
            except (OSError, UnicodeDecodeError):
                if not self._value:
                    raise
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"
