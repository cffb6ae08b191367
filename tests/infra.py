"""`make test-infra`: the form of the Terraform files, whether they hold together, and their plans.

Nothing is asked of Google: the providers are mocked. They are downloaded, or taken from a mirror
(TERRAFORM_PLUGIN_DIR; ../shared/terraform where there is one). Everything happens in a copy, so
that nothing Terraform writes is left behind.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_MIRROR = ROOT.parent / "shared" / "terraform"
# What no plan reads: the local stack, what Terraform and Python leave behind.
_LEFT_OUT = shutil.ignore_patterns("local", ".terraform*", ".build", "*.tfstate*", "__pycache__")


def main() -> int:
    """Run each step; exit status of the first that fails."""
    if shutil.which("terraform") is None:
        print("terraform is not installed: https://developer.hashicorp.com/terraform/install")
        return 1
    mirror = os.environ.get("TERRAFORM_PLUGIN_DIR", str(_MIRROR if _MIRROR.is_dir() else ""))
    print(f"Providers: {mirror or 'downloaded'}", flush=True)
    if _terraform(ROOT / "infra", "fmt", "-check", "-diff", "-recursive"):
        print("`terraform fmt -recursive infra` puts them into form.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        for name in ("infra", "functions"):
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=_LEFT_OUT)
        here = Path(folder) / "infra"
        plugins = [f"-plugin-dir={mirror}"] if mirror else []
        steps = (
            ("init", "-backend=false", "-input=false", *plugins),
            ("validate",),
            ("test",),
        )
        return next(filter(None, (_terraform(here, *step) for step in steps)), 0)


def _terraform(folder: Path, *arguments: str) -> int:
    print(f"== terraform {arguments[0]}", flush=True)
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return subprocess.call(["terraform", *arguments], cwd=folder, env=environment)


if __name__ == "__main__":
    sys.exit(main())
