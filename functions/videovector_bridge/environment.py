"""Read typed values from environment variables; collect all problems and raise them together."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from videovector_bridge.errors import SettingsError

# Python decodes bytes of the environment that are not UTF-8 as lone surrogates (PEP 383).
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNFIT_IN_LINES: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MULTILINE: Final = frozenset({"STREAMS", "WEBHOOK_SECRETS"})
_REPLACEMENT: Final = "\ufffd"


class Environment:
    """Reads typed values by name. A blank value counts as not set.

    A bad value is recorded in `problems` and replaced by a default, so that reading continues;
    `finish` raises.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._unfit: set[str] = set()
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Return the value, stripped.

        Control characters and lone surrogates are a problem; each is then replaced by U+FFFD, or
        the whole value by the default. Only `STREAMS` and `WEBHOOK_SECRETS` span lines.
        """
        value = self._values.get(name, "").strip(" \t\r\n")
        pattern = _UNFIT_IN_LINES if name in _MULTILINE else _UNFIT
        if unfit := pattern.search(value):
            if name not in self._unfit:
                self._unfit.add(name)
                self.problems.append(f"{name} contains {_describe(unfit)}")
            return default or pattern.sub(_REPLACEMENT, value)
        return value.strip() or default

    def is_unfit(self, name: str) -> bool:
        """Whether `text` found a control character or lone surrogate in the value."""
        return name in self._unfit

    def required(self, name: str, why: str) -> str:
        """Return the value; a problem if it is not set."""
        value = self.text(name)
        if not value:
            self.problems.append(f"{name} is not set: {why}")
        return value

    def matching(self, name: str, default: str, pattern: re.Pattern[str], rule: str) -> str:
        """Return the value if `pattern` matches all of it; `rule` describes it in words."""
        return self.check_match(name, self.text(name, default), default, pattern, rule)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        return self.check_number(name, self.text(name, str(default)), default, low, high)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        return self.check_whole(name, self.text(name, str(default)), default, low, high)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of `allowed`."""
        return self.check_choice(name, self.text(name, default), default, allowed)

    def json_object(self, name: str) -> dict[str, Any]:
        """Return a JSON object; empty if not set.

        A key that occurs twice in one object is a problem, as are control characters and lone
        surrogates in any key or string, escaped ones included.
        """
        text = self.text(name)
        if not text:
            return {}
        repeated: list[str] = []

        def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            counts = Counter(key for key, _ in pairs)
            repeated.extend(key for key, count in counts.items() if count > 1)
            return dict(pairs)

        try:
            value = json.loads(text, object_pairs_hook=without_repeats)
            value = self._clean_json(name, value)
        except ValueError as error:
            self.problems.append(f"{name} is not JSON: {error}")
            return {}
        except RecursionError:
            self.problems.append(f"{name} is nested too deeply")
            return {}
        self.problems += [
            f"{name}: the key {key[:80]!r} occurs twice in one object" for key in repeated
        ]
        if not isinstance(value, dict):
            self.problems.append(f"{name} must be a JSON object, not {text[:40]!r}")
            return {}
        return value

    def check_match(
        self, name: str, value: str, default: str, pattern: re.Pattern[str], rule: str
    ) -> str:
        """Return `value` if it is empty or `pattern` matches all of it; else record a problem."""
        if value and not pattern.fullmatch(value):
            if name not in self._unfit:
                self.problems.append(f"{name} must be {rule}, not {value[:80]!r}")
            return default
        return value

    def check_number(
        self, name: str, value: object, default: float, low: float, high: float
    ) -> float:
        """Return `value` as a number from `low` to `high`; else record a problem under `name`."""
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            self.problems.append(f"{name} must be a number, not {value!r:.40}")
            return default
        if not low <= number <= high:
            self.problems.append(f"{name} must be from {low:g} to {high:g}, not {value!s:.40}")
            return default
        return number

    def check_whole(self, name: str, value: object, default: int, low: int, high: int) -> int:
        """Return `value` as a whole number from `low` to `high`; else record a problem."""
        number = self.check_number(name, value, default, low, high)
        if number != int(number):
            self.problems.append(f"{name} must be a whole number, not {value!s:.40}")
            return default
        return int(number)

    def check_choice(self, name: str, value: object, default: str, allowed: tuple[str, ...]) -> str:
        """Return `value` if it is one of `allowed`; else record a problem under `name`."""
        if value not in allowed:
            self.problems.append(f"{name} must be one of {', '.join(allowed)}, not {value!r:.40}")
            return default
        return str(value)

    def finish(self) -> None:
        """Raise `SettingsError` with every problem, if there is any."""
        if self.problems:
            raise SettingsError(self.problems)

    def _clean_json(self, where: str, value: Any) -> Any:
        """Replace control characters and lone surrogates by U+FFFD; each text is a problem."""
        if isinstance(value, str):
            if unfit := _UNFIT.search(value):
                self.problems.append(f"{where} contains {_describe(unfit)}")
            return _UNFIT.sub(_REPLACEMENT, value)
        if isinstance(value, list):
            return [self._clean_json(f"{where}[{i}]", item) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                self._clean_json(f"{where}: the key {key[:80]!r}", key): self._clean_json(
                    f"{where}: {key[:80]!r}", item
                )
                for key, item in value.items()
            }
        return value


def _describe(unfit: re.Match[str]) -> str:
    code = ord(unfit[0])
    kind = "a control character" if code < 0xD800 else "a lone surrogate (text that is not UTF-8)"
    return f"{kind}, U+{code:04X}, at position {unfit.start()}"
