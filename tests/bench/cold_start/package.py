"""The package of the functions as Cloud Functions runs it: without the command line, compiled.

The build compiles the package with `python3 -m compileall -f -q .`, and the image gets files that
all have one time of change. Bytecode that is checked by time is then out of date, and each start
compiles every module again. With SOURCE_DATE_EPOCH, bytecode is checked by a hash of its source.
https://github.com/GoogleCloudPlatform/buildpacks/blob/main/cmd/python/functions_framework/lib/lib.go
https://github.com/buildpacks/pack/issues/492
https://docs.python.org/3/library/compileall.html#cmdoption-compileall-invalidation-mode
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from infra.local.processes.functions import ROOT

FUNCTIONS: Final = ROOT / "functions"
BUILD_VARIABLES: Final = {"SOURCE_DATE_EPOCH": "315619200"}
"""As in `infra/modules/bridge/functions.tf`."""
_TIME_IN_IMAGE: Final = 315_532_801  # 1980-01-01T00:00:01Z
_NOT_DEPLOYED: Final = shutil.ignore_patterns("cli", "__pycache__", "*.schema.json")


def build_package(
    python: Path, folder: Path, *, functions: Path = FUNCTIONS, checked_by_hash: bool = True
) -> Path:
    """Copy `functions` to the new `folder`, compile it with `python`, and return `main.py`.

    Without `checked_by_hash` the bytecode is checked by time, so that no start can use it.
    """
    shutil.copytree(functions, folder, ignore=_NOT_DEPLOYED)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    subprocess.run(
        [python, "-m", "compileall", "-f", "-q", "."],
        cwd=folder,
        env=environment | (BUILD_VARIABLES if checked_by_hash else {}),
        check=True,
    )
    for path in folder.rglob("*"):
        os.utime(path, (_TIME_IN_IMAGE, _TIME_IN_IMAGE))
    return folder / "main.py"
