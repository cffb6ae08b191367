"""The files that scripts read."""

import json
from pathlib import Path

from infra.local.view.files import write_result


def test_a_result_replaces_the_last_one(tmp_path: Path) -> None:
    """The file is written in one step, with its folder, and no draft is left."""
    file = tmp_path / "build" / "run.json"
    for number in (1, 2):
        write_result({"number": number}, file)

    assert json.loads(file.read_text()) == {"number": 2}
    assert list(file.parent.iterdir()) == [file]
