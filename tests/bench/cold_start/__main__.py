"""`python -m tests.bench.cold_start`: how long each function takes to start.

Import: the CPU and wall time until functions-framework has loaded an entry point, beside a bare
function that imports only the libraries which the entry point needs. Both run in turn, in processes
of their own, from bytecode as in the cloud. The goal is a ratio of at most 1.15.

Start: from the start of the process to its first response, and to the first event on the topic. The
request waits for the process, as on Cloud Run. The stand-in and the emulators run outside of the
CPU limit. Results are also in build/cold_start.json.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from infra.local.clouds.emulated import EmulatedCloud
from infra.local.clouds.emulators import Emulators, Unavailable, start_emulators
from infra.local.processes.functions import ROOT
from infra.local.processes.upstream import StandInProcess, Upstream
from infra.local.topology import read_topology
from tests.bench.cases import CASES
from tests.bench.cold_start.cpu_quota import QuotaUnavailableError, limited_cpus
from tests.bench.cold_start.entry_points import ENTRY_POINTS, EntryPoint
from tests.bench.cold_start.imports import ImportTimes, Loader, build_environment, measure_imports
from tests.bench.cold_start.package import FUNCTIONS, build_package
from tests.bench.cold_start.profile import profile_imports
from tests.bench.cold_start.starts import SECRET_NAME, WEBHOOK_SECRET, Starter
from tests.bench.cold_start.table import (
    StartTimes,
    make_import_table,
    make_start_table,
    open_console,
    show_cpus,
    summarize,
)
from tests.support.secret_manager import FakeSecretManager, serving_secrets
from videovector_bridge.settings import BackendSettings

_FILE: Final = ROOT / "build" / "cold_start.json"
_SMALL: Final = 0.167
_EVENTS: Final = 100


def main() -> int:
    """Measure the entry points; return 0, or 1 if this machine cannot."""
    options = _parse_options()
    console = open_console()
    chosen = [ENTRY_POINTS[name] for name in options.only or ENTRY_POINTS]
    cpus = _choose_cpus()
    with tempfile.TemporaryDirectory(prefix="cold-start-") as folder:
        source = build_package(
            options.python,
            Path(folder) / "package",
            functions=options.functions,
            checked_by_hash=not options.stale_bytecode,
        )
        if options.profile:
            environment = build_environment(source)
            for each in chosen:
                console.print(profile_imports(options.python, source, each.name, environment))
            return 0
        try:
            imports = _measure_imports(options, chosen, cpus, source, Path(folder))
            console.print(make_import_table(imports))
            starts = _measure_starts(options, chosen, cpus, source) if options.starts else []
        except EmulatorsUnavailableError as error:
            print(error, file=sys.stderr)
            return 1
        if starts:
            console.print(make_start_table(starts))
    version = _python_version(options.python)
    report = {
        "python": version,
        "machine": platform.machine(),
        "imports": [asdict(row) for row in imports],
        "starts": [asdict(row) for row in starts],
    }
    _FILE.parent.mkdir(exist_ok=True)
    _FILE.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(f"Python {version}. Written to {_FILE.relative_to(ROOT)}.")
    return 0


class EmulatorsUnavailableError(Exception):
    """The emulators do not start; the message is one sentence."""


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.cold_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", choices=list(ENTRY_POINTS), help="(all)")
    parser.add_argument("--pairs", type=int, default=15, help="imports an entry point (15)")
    parser.add_argument("--starts", type=int, default=5, help="starts an entry point, or 0 (5)")
    parser.add_argument(
        "--python",
        type=Path,
        default=Path(sys.executable),
        help="of an environment with functions/requirements.txt (this one)",
    )
    parser.add_argument(
        "--functions", type=Path, default=FUNCTIONS, help="those of another version (functions/)"
    )
    parser.add_argument(
        "--stale-bytecode",
        action="store_true",
        help="as built without SOURCE_DATE_EPOCH: each start compiles the bridge",
    )
    parser.add_argument(
        "--profile", action="store_true", help="print where the import time goes, and nothing else"
    )
    return parser.parse_args()


def _choose_cpus() -> list[float | None]:
    """Return the limits of CPU to measure with; None is no limit."""
    try:
        with limited_cpus(_SMALL):
            return [None, _SMALL]
    except QuotaUnavailableError as error:
        print(f"No rows at {_SMALL} vCPU. {error}", file=sys.stderr)
        return [None]


def _measure_imports(
    options: argparse.Namespace,
    chosen: Sequence[EntryPoint],
    all_cpus: Sequence[float | None],
    source: Path,
    folder: Path,
) -> list[ImportTimes]:
    rows = []
    for cpus in all_cpus:
        print(f"Imports at {show_cpus(cpus)} CPU...", flush=True)
        pairs = options.pairs if cpus is None else max(1, options.pairs // 3)
        with limited_cpus(cpus) as prefix:
            loader = Loader(options.python, build_environment(source), cpus, prefix)
            rows += [measure_imports(each, loader, source, folder, pairs) for each in chosen]
    return rows


def _measure_starts(
    options: argparse.Namespace,
    chosen: Sequence[EntryPoint],
    all_cpus: Sequence[float | None],
    source: Path,
) -> list[StartTimes]:
    for action, case in CASES.items():
        (source.parent / f"{action}.toml").write_text(case.automations, encoding="utf-8")
    rows = []
    with ExitStack() as stack:
        emulators = start_emulators(20)
        if isinstance(emulators, Unavailable):
            raise EmulatorsUnavailableError(emulators.reason)
        stack.callback(emulators.stop)
        upstream = stack.enter_context(_flooded_standin())
        secrets = stack.enter_context(serving_secrets())
        secrets.secrets[SECRET_NAME] = [WEBHOOK_SECRET.encode()]
        cloud = _build_cloud(emulators)
        environment = _build_function_environment(source, upstream, secrets, cloud)
        for cpus in all_cpus:
            print(f"Starts at {show_cpus(cpus)} CPU...", flush=True)
            for entry_point in chosen:
                starts = []
                for _ in range(options.starts):
                    with limited_cpus(cpus) as prefix:
                        starter = Starter(options.python, source, environment, cloud, prefix)
                        starts.append(starter.start(entry_point))
                rows.append(summarize(entry_point.name, cpus, starts))
    return rows


@contextmanager
def _flooded_standin() -> Iterator[Upstream]:
    standin = StandInProcess(run_every_seconds=0)
    try:
        upstream = standin.wait()
        assert upstream.control is not None  # it is the stand-in
        upstream.control.flood(_EVENTS)
        yield upstream
    finally:
        standin.stop()


def _build_cloud(emulators: Emulators) -> EmulatedCloud:
    settings = BackendSettings("gcp", "cold-start", "", "claims", "previews")
    cloud = EmulatedCloud(emulators, settings)
    cloud.build(read_topology(), {}, watch=("events",))
    return cloud


def _build_function_environment(
    source: Path, upstream: Upstream, secrets: FakeSecretManager, cloud: EmulatedCloud
) -> dict[str, str]:
    """Return the variables that every function has in the cloud, and the local addresses."""
    return {
        **build_environment(source),
        **cloud.environment,
        "CLAIM_BUCKET": "claims",
        "VIDEO_VECTOR_BASE_URL": upstream.api_url,
        "VIDEO_VECTOR_API_KEY": upstream.key,
        "START_FROM": "earliest",
        "SECRET_MANAGER_EMULATOR_HOST": secrets.address,
        "WEBHOOK_SECRETS_NAME": SECRET_NAME,
        "THREADS": "8",
    }


def _python_version(python: Path) -> str:
    if python == Path(sys.executable):
        return platform.python_version()
    code = "import platform; print(platform.python_version())"
    return subprocess.check_output([python, "-c", code], text=True).strip()


if __name__ == "__main__":
    sys.exit(main())
