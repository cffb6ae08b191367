"""`videovector-bridge --version` of an installed package, without its source tree."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

from tests.support import ROOT

SCRIPT = "from videovector_bridge.cli.main import main; main()"


def test_an_installed_package_shows_the_version_of_its_metadata(tmp_path: Path) -> None:
    """The wheel has its version from pyproject.toml; unpacked, it is as pip installs it."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packages = tmp_path / "site-packages"
    with ZipFile(wheel) as file:
        file.extractall(packages)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--version"],
        env={"PYTHONPATH": str(packages)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"videovector-bridge {project['version']}\n"
