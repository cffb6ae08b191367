"""`python -m infra.deploy plan|deploy|destroy`, as the Makefile calls it."""

import argparse
import os
import signal
import sys

from infra.deploy.destroy import destroy
from infra.deploy.processes import FailedError
from infra.deploy.run import deploy, plan
from infra.deploy.settings import read_settings

_COMMANDS = {"plan": plan, "deploy": deploy, "destroy": destroy}


def main() -> int:
    """Run the command; return 0 success, 1 failed or refused, 2 wrong settings, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.deploy",
        description=__doc__,
        epilog="Its settings are environment variables; infra/README.md lists them.",
    )
    parser.add_argument("command", choices=tuple(_COMMANDS))
    command = parser.parse_args().command
    settings, problems = read_settings(os.environ)
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        print(f"make {command}: wrong settings:{lines}", file=sys.stderr)
        return 2
    # A shell that starts this in the background lets it ignore SIGINT; Terraform must get it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _COMMANDS[command](settings)
    except FailedError as error:
        print(f"make {command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C. Run it again to continue.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
