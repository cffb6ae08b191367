"""The whole system on one machine: starts and stops the API, the cloud and the functions."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.clouds.cloud import Cloud
from infra.local.clouds.emulators import StartingEmulators, Unavailable
from infra.local.configuration import Configuration
from infra.local.processes.functions import Function
from infra.local.processes.supervisor import Supervisor
from infra.local.processes.upstream import StandInProcess, Upstream, build_real_upstream
from infra.local.topology import Topology, read_topology
from videovector_bridge.errors import SettingsError

Notify = Callable[[str], None]

_RECEIVER = "receive-webhook"
# One JIT compiler, and one thread for the memory: the Pub/Sub emulator needs half of the CPU in a
# run. Under a flood of events it would be faster without.
_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True, slots=True)
class Stack:
    """The running system. `drain` responds; the other functions do after `start_others`."""

    configuration: Configuration
    upstream: Upstream
    cloud: Cloud
    functions: Mapping[str, Function]
    topology: Topology
    webhook_secrets: Path | None
    """The file with the secret of the stand-in's webhook."""

    @property
    def drain(self) -> Function:
        """The function that the scheduler calls."""
        return self.functions["drain"]

    def start_others(self) -> None:
        """Start all functions but `drain`; return when they respond, or raise FunctionFailedError.

        They start after `drain`, so that the first events do not wait for them.
        """
        others = [function for name, function in self.functions.items() if name != "drain"]
        for function in others:
            function.start()
        for function in others:
            function.wait()

    def crash_report(self) -> str:
        """Return a sentence if a process ended that cannot be restarted, else ""."""
        return self.upstream.crash_report() or self.cloud.crash_report()


@contextmanager
def running_stack(
    configuration: Configuration,
    *,
    run_every_seconds: float,
    watch: tuple[str, ...],
    logs: Path,
    emulator_seconds: float,
    notify: Notify,
    source: Path | None = None,
) -> Iterator[Stack]:
    """Start everything; stop everything at the end of the block.

    `notify` receives sentences about progress. Messages on the topics in `watch` (names of the
    settings) can be observed. If the emulators do not respond within `emulator_seconds`, the
    embedded backend is used. `source` is the file with the entry points of the functions, if it is
    not main.py.
    """
    with ExitStack() as cleanups:
        # The slowest processes start first, and the imports below happen while they start.
        starting = _start_emulators(configuration, emulator_seconds, cleanups, notify)
        standin = None
        if not configuration.real:
            standin = StandInProcess(run_every_seconds=run_every_seconds, logs=logs)
            cleanups.callback(standin.stop)
        upstream = standin.wait() if standin else build_real_upstream(configuration.drain.api)
        cleanups.callback(upstream.stop)
        cloud = _choose_cloud(configuration, starting, notify)
        cleanups.callback(cloud.stop)
        topology = _read_topology(configuration)
        notify(f"API: {'stand-in' if standin else 'yours'} at {upstream.api_url}")
        secrets_file = (
            Path(cleanups.enter_context(tempfile.TemporaryDirectory())) / "webhook-secrets"
        )
        environment = _build_environment(configuration, upstream, cloud, secrets_file)
        functions = _build_functions(topology, environment, logs, source)
        for function in functions.values():
            cleanups.callback(function.close)
        if standin:
            # A slow import, while the processes start.
            from infra.local.processes.webhook import register_webhook  # noqa: PLC0415

            # Deliveries wait at the function's port until it responds.
            register_webhook(upstream, functions[_RECEIVER].url, secrets_file)
        functions["drain"].start()
        cloud.build(topology, _build_push_urls(configuration, functions, notify), watch=watch)
        functions["drain"].wait()
        supervisor = Supervisor(functions.values(), notify)
        cleanups.callback(supervisor.stop)
        supervisor.start()
        notify(f"Functions: {', '.join(f'{name} at {f.url}' for name, f in functions.items())}")
        webhook_secrets = secrets_file if standin else None
        yield Stack(configuration, upstream, cloud, functions, topology, webhook_secrets)


def _start_emulators(
    configuration: Configuration, seconds: float, cleanups: ExitStack, notify: Notify
) -> StartingEmulators | None:
    if configuration.backend == "embedded":
        return None
    notify("Looking for emulators (Pub/Sub, Firestore and Cloud Storage)...")
    starting = StartingEmulators(seconds, running=os.environ, java_options=_JAVA_OPTIONS)
    cleanups.callback(starting.stop)
    return starting


def _choose_cloud(
    configuration: Configuration, starting: StartingEmulators | None, notify: Notify
) -> Cloud:
    reason = "BACKEND=embedded is set."
    if starting is not None:
        emulators = starting.wait()
        if not isinstance(emulators, Unavailable):
            # Imported here and below: each needs large libraries of its own.
            from infra.local.clouds.emulated import EmulatedCloud  # noqa: PLC0415

            project = f"local-{uuid.uuid4().hex[:8]}"
            settings = replace(configuration.drain.backend, project=project)
            cloud = EmulatedCloud(emulators, settings)
            notify(f"Backend: gcp, on Google's emulators. Project {cloud.project}.")
            return cloud
        reason = emulators.reason
        if configuration.backend == "gcp":
            raise SettingsError([f"BACKEND is gcp, but the emulators did not start: {reason}"])
    from infra.local.clouds.embedded import EmbeddedCloud  # noqa: PLC0415

    notify(f"Backend: embedded. {reason}")
    folder = configuration.embedded_dir
    if folder and not configuration.real and (Path(folder) / "documents.sqlite3").exists():
        problem = "has the cursor of an earlier stand-in, which a new one does not know"
        raise SettingsError([f"EMBEDDED_DIR {folder!r} {problem}; name another folder, or none"])
    return EmbeddedCloud(folder)


def _read_topology(configuration: Configuration) -> Topology:
    topology = read_topology().renamed(configuration.topic_names)
    return topology.with_filters(configuration.filters) if configuration.filters else topology


def _build_environment(
    configuration: Configuration, upstream: Upstream, cloud: Cloud, secrets_file: Path
) -> dict[str, str]:
    environment = {**configuration.environment, **cloud.environment, "PYTHONUNBUFFERED": "1"}
    if configuration.real:
        return environment
    return environment | {
        "VIDEO_VECTOR_BASE_URL": upstream.api_url,
        "VIDEO_VECTOR_API_KEY": upstream.key,
        "WEBHOOK_SECRETS_FILE": str(secrets_file),
    }


def _build_functions(
    topology: Topology, environment: Mapping[str, str], logs: Path, source: Path | None
) -> dict[str, Function]:
    functions = {
        name: Function(
            name, entry_point, {**environment, **topology.environments[name]}, logs, source
        )
        for name, entry_point in topology.functions.items()
    }
    for function in functions.values():
        function.log.unlink(missing_ok=True)
    return functions


def _build_push_urls(
    configuration: Configuration, functions: Mapping[str, Function], notify: Notify
) -> dict[str, str]:
    """Return function name -> URL that messages are pushed to."""
    if configuration.effects_allowed:
        return {name: function.url for name, function in functions.items()}
    notify("Only draining: automations act on a real account only if AUTOMATIONS_FILE is set.")
    return {}
