"""Reading settings from the environment: every problem is collected, then reported at once."""

import json
from collections.abc import Mapping
from typing import Any

from videovector_bridge.errors import SettingsError


class Environment:
    """Reads typed values by name; an empty value counts as not set.

    A bad value is noted and a usable default returned in its place; `finish` raises all noted.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The value, stripped."""
        return self._values.get(name, "").strip() or default

    def required(self, name: str, why: str) -> str:
        """The value; a problem when it is not set."""
        value = self.text(name)
        if not value:
            self.problems.append(f"{name} is not set: {why}")
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return self.check_number(name, self.text(name) or default, default, low, high)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        return self.check_whole(name, self.text(name) or default, default, low, high)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`."""
        return self.check_choice(name, self.text(name, default), default, allowed)

    def json_object(self, name: str) -> dict[str, Any]:
        """A JSON object; empty when not set."""
        text = self.text(name)
        if not text:
            return {}
        try:
            value = json.loads(text)
        except ValueError as error:
            self.problems.append(f"{name} is not JSON: {error}")
            return {}
        if not isinstance(value, dict):
            self.problems.append(f"{name} must be a JSON object, not {text[:40]!r}")
            return {}
        return value

    def check_number(
        self, name: str, value: object, default: float, low: float, high: float
    ) -> float:
        """`value` as a number from `low` to `high`, or a problem under `name`."""
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            self.problems.append(f"{name} must be a number, not {value!r:.40}")
            return default
        if not low <= number <= high:
            self.problems.append(f"{name} must be from {low:g} to {high:g}, not {value}")
            return default
        return number

    def check_whole(self, name: str, value: object, default: int, low: int, high: int) -> int:
        """`value` as a whole number from `low` to `high`, or a problem under `name`."""
        number = self.check_number(name, value, default, low, high)
        if number != int(number):
            self.problems.append(f"{name} must be a whole number, not {value}")
            return default
        return int(number)

    def check_choice(self, name: str, value: object, default: str, allowed: tuple[str, ...]) -> str:
        """`value` when it is one of `allowed`, or a problem under `name`."""
        if value not in allowed:
            self.problems.append(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
            return default
        return str(value)

    def finish(self) -> None:
        """Raise `SettingsError` with every problem noted so far, if any."""
        if self.problems:
            raise SettingsError(self.problems)
