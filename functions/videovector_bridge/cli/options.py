"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from videovector_bridge.cli.durations import seconds_of

Name = Annotated[
    str, typer.Option("--name", help="Our name for the webhook: there is one of each.")
]
SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-file", help="Keep its secrets in this file (mode 0600)."),
]
Secret = Annotated[
    str,
    typer.Option(
        "--secret",
        metavar="projects/P/secrets/S",
        help="Keep its secrets in Secret Manager: each change is a new version; older versions "
        "stay until you destroy them.",
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        parser=seconds_of,
        metavar="DURATION",
        help="How long the old secret still verifies, such as 15m, 1h, 7d.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Write JSON alone to standard output, for scripts.")
]
