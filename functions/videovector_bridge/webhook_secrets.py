"""The secrets that deliveries may be signed with, as text and as values.

One secret a line, newest first. ` # until TIME` after a secret ends its grace period: from then
on it verifies nothing. A line `# rotating until TIME` announces a rotation: until then the vendor
may sign with a secret that is not known here yet. TIME is RFC 3339. Blank lines and other lines
that begin with `#` mean nothing.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from videovector_bridge.errors import SettingsError
from videovector_bridge.secret import Secret

_SECRET: Final = re.compile(r"(\S+)(?:\s+#\s*until\s+(\S+))?")
_ANNOUNCEMENT: Final = re.compile(r"#\s*rotating\s+until\b\s*(.*)")
# VideoVector's have more than 30. Fewer are a typing mistake, or quickly guessed.
SHORTEST_SECRET: Final = 8
_NO_TIME: Final = "has no time (RFC 3339, with its zone) after `until`"


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """One secret, and when it ends if it is an old one. Hidden from `repr`."""

    value: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """All secrets, newest first, and until when a rotation is announced."""

    secrets: tuple[WebhookSecret, ...] = ()
    rotating_until: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a file. Raises `SettingsError` naming every wrong line by its number."""
        secrets: list[WebhookSecret] = []
        rotating_until: datetime | None = None
        problems: list[str] = []
        # Editors on Windows begin a file with a mark that would become part of a secret.
        for number, raw in enumerate(text.replace("\ufeff", "").split("\n"), 1):
            line = raw.strip()
            if announced := _ANNOUNCEMENT.fullmatch(line):
                rotating_until = read_time(announced[1])
                if rotating_until is None:
                    problems.append(f"line {number} {_NO_TIME}")
            elif line and not line.startswith("#"):
                parts = _SECRET.fullmatch(line)
                until = read_time(parts[2]) if parts and parts[2] else None
                if parts is None:
                    problems.append(f"line {number} holds more than a secret and `# until TIME`")
                elif parts[2] and until is None:
                    problems.append(f"line {number} {_NO_TIME}")
                else:
                    secrets.append(WebhookSecret(parts[1], until))
        if problems:
            raise SettingsError(problems)
        return cls(tuple(secrets), rotating_until)

    def render(self) -> str:
        """The text that `parse` reads back as these secrets."""
        lines = []
        if self.rotating_until is not None:
            lines.append(f"# rotating until {write_time(self.rotating_until)}\n")
        for secret in self.secrets:
            end = "" if secret.until is None else f" # until {write_time(secret.until)}"
            lines.append(f"{secret.value}{end}\n")
        return "".join(lines)

    def current(self, now: datetime) -> tuple[str, ...]:
        """The secrets that verify at `now`, newest first."""
        return tuple(each.value for each in self.secrets if _is_valid(each.until, now))

    def rotating(self, now: datetime) -> bool:
        """Whether a rotation is announced that may be under way at `now`."""
        return self.rotating_until is not None and now < self.rotating_until

    def announce(self, now: datetime, seconds: float) -> Self:
        """The same, with a rotation announced for so many seconds from `now`."""
        return replace(self, rotating_until=now + timedelta(seconds=seconds))

    def rotated(self, new: str, now: datetime, grace_seconds: float) -> Self:
        """With `new` first; those before it end after the grace period, or earlier if they did.

        What has ended by `now` is dropped, and so is the announcement. Doing it twice is doing it
        once, as long as the first grace period lasts.
        """
        end = now + timedelta(seconds=grace_seconds)
        older = [
            WebhookSecret(each.value, end if each.until is None else min(each.until, end))
            for each in self.secrets
            if each.value != new
        ]
        valid = tuple(each for each in older if _is_valid(each.until, now))
        return replace(self, secrets=(WebhookSecret(new), *valid), rotating_until=None)


class CurrentSecrets:
    """The secrets that a value or a file holds at the moment, parsed once per change.

    Threads may share it. `name` is the variable that errors name.
    """

    def __init__(self, source: Secret, name: str) -> None:
        self._source = source
        self._name = name
        # One reference, so that no thread sees the secrets of another text.
        self._parsed: tuple[str, WebhookSecrets] | None = None

    def get(self) -> WebhookSecrets:
        """Return the secrets; none where a file does not exist yet.

        Raises `SettingsError` for a file that cannot be read, naming every wrong line, and for a
        secret that is too short.
        """
        try:
            text = self._source.current()
        except FileNotFoundError:
            return WebhookSecrets()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{self._name} cannot be read: {error}"]) from None
        parsed = self._parsed
        if parsed is None or parsed[0] != text:
            self._parsed = parsed = (text, self._parse(text))
        return parsed[1]

    def _parse(self, text: str) -> WebhookSecrets:
        try:
            secrets = WebhookSecrets.parse(text)
        except SettingsError as error:
            problems = [f"{self._name}: {problem}" for problem in error.problems]
            raise SettingsError(problems) from None
        problems = [
            f"{self._name}: secret {number} has {len(each.value)} characters, fewer than "
            f"{SHORTEST_SECRET}: too short to be a secret"
            for number, each in enumerate(secrets.secrets, 1)
            if len(each.value) < SHORTEST_SECRET
        ]
        if problems:
            raise SettingsError(problems)
        return secrets


def _is_valid(until: datetime | None, now: datetime) -> bool:
    return until is None or now < until


def read_time(text: str) -> datetime | None:
    """A moment in RFC 3339 with its zone, or None."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def write_time(moment: datetime) -> str:
    """The text that `read_time` reads back."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
