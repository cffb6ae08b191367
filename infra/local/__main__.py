"""`python -m infra.local run|serve`: the whole bridge on this machine."""

import argparse
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from infra.local.configuration import SHIPPED_AUTOMATIONS, read_configuration
from infra.local.processes.functions import ROOT, FunctionFailedError
from infra.local.processes.upstream import UpstreamFailedError
from videovector_bridge.errors import SettingsError


def main(started_at: datetime) -> int:
    """Run the command; return 0 success, 1 run failed, 2 could not start, 130 or 143 signal."""
    options = _parse_options()
    # A signal becomes an exception, so that every started process is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    # A shell that starts a process in the background makes it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        configuration = read_configuration(os.environ)
        # Slow imports happen after this line, so that wrong settings are reported at once.
        if configuration.subscriber.automations_file or options.command == "serve":
            filters = check_automations(configuration.subscriber.automations_file)
            configuration = replace(configuration, filters=filters)
        if options.command == "run":
            from infra.local.run import run  # noqa: PLC0415

            return run(configuration, options.build, options.emulator_seconds, started_at)
        from infra.local.serve import serve  # noqa: PLC0415

        return serve(configuration, options.build, options.emulator_seconds)
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C.", flush=True)
        return 128 + signal.SIGINT
    except SettingsError as error:
        lines = "".join(f"\n  {problem}" for problem in error.problems)
        print(f"Could not start, settings are wrong:{lines}", file=sys.stderr)
        return 2
    except (FunctionFailedError, UpstreamFailedError) as error:
        print(f"Could not start: {error}", file=sys.stderr)
        return 2


def check_automations(file: str) -> dict[str, str]:
    """Check the automations file, or the shipped automations if `file` is empty.

    Returns action -> filter of its subscription, as a deployment of these automations has it.
    Raises `SettingsError` with every mistake.
    """
    from videovector_bridge.automate.automations.filters import derive_filters  # noqa: PLC0415
    from videovector_bridge.automate.automations.reader import read_automations  # noqa: PLC0415

    path = Path(file) if file else SHIPPED_AUTOMATIONS
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"AUTOMATIONS_FILE {str(path)!r} cannot be read: {error}"]) from None
    return derive_filters(read_automations(text, path.name))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=("run", "serve"))
    parser.add_argument(
        "--build",
        type=Path,
        default=ROOT / "build",
        help="folder for results, addresses and logs (build)",
    )
    parser.add_argument(
        "--emulator-seconds",
        type=float,
        default=20.0,
        help="how long the emulators may take to start (20)",
    )
    return parser.parse_args()


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(datetime.now(UTC)))
