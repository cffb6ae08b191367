"""`make readme`: generate the parts of `infra/README.md` between its markers."""

import json
import re
from pathlib import Path

from infra.readme.picture import picture
from infra.readme.tables import alerts, functions, outputs, variables

INFRA = Path(__file__).resolve().parents[1]
FILE = INFRA / "README.md"
_PART = re.compile(r"(<!-- generated: (?P<name>\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def render(text: str) -> str:
    """Return the text with every part regenerated. Raises `KeyError` for an unknown part."""
    topology = json.loads((INFRA / "topology.json").read_text(encoding="utf-8"))
    parts = {
        "picture": f"```mermaid\n{picture(topology)}\n```",
        "functions": functions(topology),
        "alerts": alerts(INFRA / "monitoring.tf", INFRA / "variables.tf"),
        "variables": variables(INFRA / "variables.tf"),
        "outputs": outputs(INFRA / "outputs.tf"),
    }
    return _PART.sub(lambda part: f"{part[1]}{parts[part['name']]}\n{part[3]}", text)


if __name__ == "__main__":
    FILE.write_text(render(FILE.read_text(encoding="utf-8")), encoding="utf-8")
