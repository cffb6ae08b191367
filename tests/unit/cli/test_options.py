"""`cli.options`: durations."""

import pytest
import typer

from videovector_bridge.cli.options import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3_600), ("7d", 604_800), (" 5s ", 5)]
)
def test_a_duration_is_a_whole_number_and_a_unit(text: str, seconds: float) -> None:
    """Spaces around it are ignored."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "5", "s", "1.5h", "-5s", "5 weeks", "1234567s"])
def test_other_text_is_wrong_usage(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(typer.BadParameter, match="30s, 15m, 1h or 7d"):
        parse_duration(text)
