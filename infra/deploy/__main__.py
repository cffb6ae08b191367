"""`python -m infra.deploy plan|deploy|destroy`, as the Makefile calls it."""

import argparse
import os
import sys
from pathlib import Path

from infra.deploy.commands import Deployment, find_conflicts, find_problems
from infra.deploy.run import FailedError, run


def main() -> int:
    """Run the command; return 0 success, 1 failure, 2 wrong settings, 130 Ctrl-C."""
    options = _parse_options()
    deployment = Deployment(
        project=options.project,
        region=options.region,
        api_key_secret=options.api_key_secret,
        variables_file=options.vars,
        automations_file=options.automations_file,
    )
    problems = find_problems(deployment)
    if options.vars and options.vars.is_file():
        problems += find_conflicts(options.vars.read_text(encoding="utf-8"))
    if options.api_key_file and not options.api_key_file.is_file():
        problems.append(f"API_KEY_FILE: file {options.api_key_file} does not exist")
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        print(f"make {options.command}: wrong settings:{lines}", file=sys.stderr)
        return 2
    try:
        run(options.command, deployment, key_file=options.api_key_file, approved=options.yes)
    except FailedError as error:
        print(f"make {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C. Run it again to continue.", file=sys.stderr)
        return 130
    return 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("command", choices=("plan", "deploy", "destroy"))
    environment = os.environ
    parser.add_argument("--project", default=environment.get("PROJECT", ""))
    parser.add_argument("--region", default=environment.get("REGION", ""))
    parser.add_argument(
        "--api-key-secret", default=environment.get("API_KEY_SECRET") or "videovector-api-key"
    )
    parser.add_argument("--vars", type=Path, default=_read_path("VARS"), help="a .tfvars file")
    parser.add_argument("--automations-file", type=Path, default=_read_path("AUTOMATIONS_FILE"))
    parser.add_argument("--api-key-file", type=Path, default=_read_path("API_KEY_FILE"))
    parser.add_argument("--yes", action="store_true", default=bool(environment.get("YES")))
    return parser.parse_args()


def _read_path(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


if __name__ == "__main__":
    sys.exit(main())
