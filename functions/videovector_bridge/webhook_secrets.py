"""The webhook secrets that verify deliveries, as text and as values.

One secret a line, newest first. ` # until TIME` after a secret is the end of its grace period:
from then on it is invalid. A line `# rotating until TIME` announces a rotation: until then the
vendor may sign with a secret that is not in the text yet. TIME is RFC 3339. Blank lines and other
lines that begin with `#` are ignored.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from videovector_bridge.errors import SettingsError
from videovector_bridge.secret import SecretSource

_SECRET: Final = re.compile(r"(\S+)(?:\s+#\s*until\s+(\S+))?")
_ANNOUNCEMENT: Final = re.compile(r"#\s*rotating\s+until\b\s*(.*)")
# VideoVector's have more than 30. A shorter one is a typing mistake, or easy to guess.
SHORTEST_SECRET: Final = 8
_NO_TIME: Final = "has no time (RFC 3339, with its zone) after `until`"


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """One secret, hidden from `repr`, and the end of its grace period if it is an old one."""

    value: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """All secrets, newest first, and the end of an announced rotation."""

    secrets: tuple[WebhookSecret, ...] = ()
    rotating_until: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a file. Raises `SettingsError` with the number of every wrong line."""
        secrets: list[WebhookSecret] = []
        rotating_until: datetime | None = None
        problems: list[str] = []
        # Editors on Windows begin a file with a byte order mark, which would belong to a secret.
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
                    problems.append(f"line {number} has more than a secret and `# until TIME`")
                elif parts[2] and until is None:
                    problems.append(f"line {number} {_NO_TIME}")
                else:
                    secrets.append(WebhookSecret(parts[1], until))
        if problems:
            raise SettingsError(problems)
        return cls(tuple(secrets), rotating_until)

    def render(self) -> str:
        """Return the text that `parse` parses into these secrets."""
        lines = []
        if self.rotating_until is not None:
            lines.append(f"# rotating until {write_time(self.rotating_until)}\n")
        for secret in self.secrets:
            end = "" if secret.until is None else f" # until {write_time(secret.until)}"
            lines.append(f"{secret.value}{end}\n")
        return "".join(lines)

    def current(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that are valid at `now`, newest first."""
        return tuple(each.value for each in self.secrets if _is_valid(each.until, now))

    def rotating(self, now: datetime) -> bool:
        """Whether an announced rotation may be in progress at `now`."""
        return self.rotating_until is not None and now < self.rotating_until

    def announce(self, now: datetime, seconds: float) -> Self:
        """Return the same secrets, with a rotation announced for `seconds` from `now`."""
        return replace(self, rotating_until=now + timedelta(seconds=seconds))

    def rotated(self, new: str, now: datetime, grace_seconds: float) -> Self:
        """Return the secrets with `new` first; the others end after the grace period or before.

        Drops secrets that ended before `now`, and the announcement. Idempotent within the grace
        period.
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
    """The current secrets of a source, parsed once per change. Thread-safe.

    `name` is the variable in errors, with its value if it names a place.
    """

    def __init__(self, source: SecretSource, name: str) -> None:
        self._source = source
        self.name = name
        # One reference, so that no thread reads the secrets of another text.
        self._parsed: tuple[str, WebhookSecrets] | None = None

    def get(self) -> WebhookSecrets:
        """Return the secrets; none if the file does not exist yet.

        Raises `SettingsError` for a file that cannot be read, for every wrong line, and for a
        secret that is too short; `BackendError` for a secret in Secret Manager that cannot be read.
        """
        try:
            text = self._source.current()
        except FileNotFoundError:
            return WebhookSecrets()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{self.name} cannot be read: {error}"]) from None
        parsed = self._parsed
        if parsed is None or parsed[0] != text:
            self._parsed = parsed = (text, self._parse(text))
        return parsed[1]

    def _parse(self, text: str) -> WebhookSecrets:
        try:
            secrets = WebhookSecrets.parse(text)
        except SettingsError as error:
            problems = [f"{self.name}: {problem}" for problem in error.problems]
            raise SettingsError(problems) from None
        problems = [
            f"{self.name}: secret {number} has {len(each.value)} characters, fewer than "
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
    """Parse a time in RFC 3339 with its zone; None for anything else."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def write_time(time: datetime) -> str:
    """Return the time in RFC 3339, which `read_time` parses."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
