"""The whole system on one machine: upstream, cloud, functions. Whatever it starts, it ends."""

import json
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
from infra.local.processes.upstream import StandInProcess, Upstream, real_upstream
from infra.local.processes.watch import Watch
from infra.local.topology import Topology, read_topology
from videovector_bridge.errors import SettingsError

Tell = Callable[[str], None]

_RECEIVER = "receive-webhook"


@dataclass(frozen=True, slots=True)
class Stack:
    """The running system: `drain` answers, the other functions do after `complete`."""

    configuration: Configuration
    upstream: Upstream
    cloud: Cloud
    functions: Mapping[str, Function]
    webhook_secrets: Path | None
    """Where the secret of the stand-in's webhook is kept."""

    @property
    def drain(self) -> Function:
        """The function that the clock calls."""
        return self.functions["drain"]

    def complete(self) -> None:
        """Start the other functions, and return when they answer, or raise `FunctionFailedError`.

        Apart from `drain`, so that the first events need not wait for them.
        """
        others = [each for each in self.functions.values() if each is not self.drain]
        for function in others:
            function.start()
        for function in others:
            function.wait()

    def trouble(self) -> str:
        """A sentence if something ended by itself that cannot be started again, or nothing."""
        return self.upstream.trouble() or self.cloud.trouble()


@contextmanager
def running_stack(
    configuration: Configuration,
    *,
    run_every_seconds: float,
    watch: tuple[str, ...],
    logs: Path,
    emulator_seconds: float,
    tell: Tell,
) -> Iterator[Stack]:
    """Start everything, and end everything on the way out.

    `tell` is given sentences about what is being done. Messages on the topics in `watch` (names
    of the topology) can be observed. Where the emulators do not answer within `emulator_seconds`,
    the embedded backend is taken.
    """
    with ExitStack() as stack:
        # What takes longest starts first; our own imports happen meanwhile.
        starting = _start_emulators(configuration, emulator_seconds, stack, tell)
        standin = None
        if not configuration.real:
            standin = StandInProcess(run_every_seconds=run_every_seconds, logs=logs)
            stack.callback(standin.stop)
        upstream = standin.wait() if standin else real_upstream(configuration.drain.api)
        stack.callback(upstream.stop)
        cloud = _choose_cloud(configuration, starting, tell)
        stack.callback(cloud.stop)
        topology = read_topology().renamed(configuration.topic_names)
        tell(f"API: {'stand-in' if standin else 'yours'} at {upstream.api_url}")
        secrets_file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "webhook-secrets"
        environment = _environment(configuration, upstream, cloud, secrets_file)
        functions = _functions(topology, environment, logs)
        for function in functions.values():
            stack.callback(function.close)
        if standin:
            # Imported only now: it takes a while to load, and what is started comes up meanwhile.
            from infra.local.webhooks import subscribe  # noqa: PLC0415

            # Deliveries wait at its port until it answers.
            subscribe(upstream, functions[_RECEIVER].url, secrets_file)
        functions["drain"].start()
        cloud.build(topology, _urls(configuration, functions, tell), watch=watch)
        functions["drain"].wait()
        watcher = Watch(functions.values(), tell)
        stack.callback(watcher.stop)
        watcher.start()
        tell(f"Functions: {', '.join(f'{name} at {f.url}' for name, f in functions.items())}")
        kept = secrets_file if standin else None
        yield Stack(configuration, upstream, cloud, functions, kept)


def _start_emulators(
    configuration: Configuration, seconds: float, stack: ExitStack, tell: Tell
) -> StartingEmulators | None:
    if configuration.backend == "embedded":
        return None
    tell("Looking for emulators (Pub/Sub, Firestore and Cloud Storage)...")
    starting = StartingEmulators(seconds, running=os.environ)
    stack.callback(starting.stop)
    return starting


def _choose_cloud(
    configuration: Configuration, starting: StartingEmulators | None, tell: Tell
) -> Cloud:
    reason = "BACKEND=embedded asks for it."
    if starting is not None:
        emulators = starting.wait()
        if not isinstance(emulators, Unavailable):
            # Here and below: each needs libraries that the other does without.
            from infra.local.clouds.emulated import EmulatedCloud  # noqa: PLC0415

            project = f"local-{uuid.uuid4().hex[:8]}"
            wanted = replace(configuration.drain.backend, project=project)
            cloud = EmulatedCloud(emulators, wanted)
            tell(f"Backend: gcp, Google's emulators are here. Project {cloud.project}.")
            return cloud
        reason = emulators.reason
        if configuration.backend == "gcp":
            raise SettingsError([f"BACKEND is gcp, but there is none here: {reason}"])
    from infra.local.clouds.embedded import EmbeddedCloud  # noqa: PLC0415

    tell(f"Backend: embedded. {reason}")
    folder = configuration.embedded_dir
    if folder and not configuration.real and (Path(folder) / "documents.sqlite3").exists():
        what = "holds the cursor of an earlier stand-in, which means nothing to a new one"
        raise SettingsError([f"EMBEDDED_DIR {folder!r} {what}; name another folder, or none"])
    return EmbeddedCloud(folder)


def _environment(
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


def _functions(
    topology: Topology, environment: Mapping[str, str], logs: Path
) -> dict[str, Function]:
    functions = {
        name: Function(name, entry_point, {**environment, **topology.environments[name]}, logs)
        for name, entry_point in topology.functions.items()
    }
    for function in functions.values():
        function.log.unlink(missing_ok=True)
    return functions


def _urls(
    configuration: Configuration, functions: Mapping[str, Function], tell: Tell
) -> dict[str, str]:
    """The addresses that messages are pushed to."""
    if configuration.effects_allowed:
        return {name: function.url for name, function in functions.items()}
    tell(
        "Only draining: automations act on a real account when AUTOMATIONS_FILE names the file "
        "that they are to follow."
    )
    return {}


def write_endpoints(stack: Stack, file: Path) -> None:
    """Write every address of the stack for scripts, whole or not at all."""
    upstream, environment = stack.upstream, stack.cloud.environment
    endpoints = {
        "api_url": upstream.api_url,
        # Of an API that is not ours the key is not ours to spread.
        "api_keys": dict(upstream.api_keys) if upstream.control else {},
        "control_url": upstream.control.url if upstream.control else None,
        "backend": stack.cloud.kind,
        "project_id": environment.get("GOOGLE_CLOUD_PROJECT"),
        "pubsub_emulator_host": environment.get("PUBSUB_EMULATOR_HOST"),
        "firestore_emulator_host": environment.get("FIRESTORE_EMULATOR_HOST"),
        "storage_emulator_host": environment.get("STORAGE_EMULATOR_HOST"),
        "embedded_dir": environment.get("EMBEDDED_DIR"),
        "webhook_secrets_file": str(stack.webhook_secrets) if stack.webhook_secrets else None,
        "functions": {name: function.url for name, function in stack.functions.items()},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(endpoints, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)
