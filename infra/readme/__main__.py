"""`make readme`: generate the parts of `infra/README.md` between its markers."""

import json
import re
from pathlib import Path

from infra.readme.picture import draw_picture
from infra.readme.tables import (
    build_alerts_table,
    build_functions_table,
    build_outputs_table,
    build_variables_table,
)

INFRA = Path(__file__).resolve().parents[1]
FILE = INFRA / "README.md"
BRIDGE = INFRA / "modules" / "bridge"
PACKAGE = INFRA / "modules" / "package"
_PART = re.compile(r"(<!-- generated: (?P<name>\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def render(text: str) -> str:
    """Return the text with every part regenerated. Raises `KeyError` for an unknown part."""
    topology = json.loads((INFRA / "topology.json").read_text(encoding="utf-8"))
    parts = {
        "picture": f"```mermaid\n{draw_picture(topology)}\n```",
        "functions": build_functions_table(topology),
        "alerts": build_alerts_table(BRIDGE / "alerts.tf", BRIDGE / "variables.tf"),
        "variables": build_variables_table(
            INFRA / "variables.tf", (BRIDGE / "variables.tf", PACKAGE / "variables.tf")
        ),
        "outputs": build_outputs_table(INFRA / "outputs.tf", BRIDGE / "outputs.tf"),
    }
    return _PART.sub(lambda part: f"{part[1]}{parts[part['name']]}\n{part[3]}", text)


if __name__ == "__main__":
    FILE.write_text(render(FILE.read_text(encoding="utf-8")), encoding="utf-8")
