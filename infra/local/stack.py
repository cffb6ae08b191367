"""The whole system on one machine: upstream, cloud, functions. Whatever it starts, it ends."""

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.cloud import Cloud
from infra.local.embedded_cloud import EmbeddedCloud
from infra.local.emulators import Unavailable, start_emulators
from infra.local.functions import ROOT, Function
from infra.local.standin.library import BUCKET
from infra.local.topology import Topology, read_topology
from infra.local.upstream import StandInProcess, Upstream, real_upstream

ENDPOINTS = ROOT / "build" / "endpoints.json"
WATCHED = ("events", "rejected", "media-urls")
_EMULATOR_SECONDS = 20.0

# Short times, so that a person who watches sees something; all may be set from outside.
_LOCAL_SETTINGS = {
    "WINDOW_SECONDS": "6",
    "IDLE_SECONDS": "3",
    "LEASE_SECONDS": "4",
    "LINGER_MS": "20",
    "API_TIMEOUT_SECONDS": "3",
    "SIGNED_URL_BUCKETS": BUCKET,
    "THREADS": "8",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """The running system."""

    upstream: Upstream
    cloud: Cloud
    functions: Mapping[str, Function]
    topology: Topology
    streams: tuple[str, ...]


@contextmanager
def running_stack(
    *, run_every_seconds: float, tell: Callable[[str], None], retain: int = 100_000
) -> Iterator[Stack]:
    """Start everything, write `build/endpoints.json`, and end everything on the way out.

    `tell` is given sentences about what is being done. The API is the stand-in, or the one that
    `VIDEO_VECTOR_API_KEY` in the environment is for.
    """
    with ExitStack() as stack:
        topology = read_topology()
        standin = None
        upstream = real_upstream()
        if upstream is None:
            standin = StandInProcess(run_every_seconds=run_every_seconds, retain=retain)
            stack.callback(standin.stop)
        cloud = _choose_cloud(tell)
        stack.callback(cloud.stop)
        if standin is not None:
            upstream = standin.wait()
            stack.callback(upstream.stop)
        assert upstream is not None  # noqa: S101  # one of the two it is
        tell(f"API: {'stand-in' if standin else 'real'} at {upstream.api_url}")
        functions = _functions(topology, upstream, cloud)
        for function in functions.values():
            stack.callback(function.kill)
        urls = {name: function.url for name, function in functions.items()}
        if not upstream.effects_allowed:
            urls = {}
            tell(
                "Only draining: automations act on a real account when AUTOMATIONS_FILE names "
                "the file that they are to follow."
            )
        # The functions are still loading while topics and subscriptions are made.
        for function in functions.values():
            function.log.unlink(missing_ok=True)
            function.start()
        cloud.build(topology, urls, watch=WATCHED)
        for function in functions.values():
            function.wait()
        tell(f"Functions: {', '.join(f'{name} at {f.url}' for name, f in functions.items())}")
        _write_endpoints(upstream, cloud, functions)
        stack.callback(ENDPOINTS.unlink, missing_ok=True)
        streams = tuple(json.loads(os.environ.get("STREAMS") or '{"default": {}}'))
        yield Stack(upstream, cloud, functions, topology, streams)


def _choose_cloud(tell: Callable[[str], None]) -> Cloud:
    wanted = os.environ.get("BACKEND", "")
    reason = "BACKEND=embedded asks for it."
    if wanted != "embedded":
        tell("Starting Google's emulators (Pub/Sub and Firestore)...")
        emulators = start_emulators(_EMULATOR_SECONDS, running=os.environ)
        if not isinstance(emulators, Unavailable):
            # Imported here: the embedded stack needs none of Google's libraries loaded.
            from infra.local.emulated_cloud import EmulatedCloud  # noqa: PLC0415

            cloud = EmulatedCloud(emulators, f"local-{uuid.uuid4().hex[:8]}")
            tell(f"Backend: gcp. {cloud.reason} Project {cloud.project}.")
            return cloud
        reason = emulators.reason
        if wanted == "gcp":
            raise RuntimeError(f"BACKEND=gcp, but: {reason}")
    tell(f"Backend: embedded. {reason}")
    return _embedded(reason)


def _embedded(reason: str) -> EmbeddedCloud:
    given = os.environ.get("EMBEDDED_DIR")
    if given:
        return EmbeddedCloud(Path(given), reason)
    return EmbeddedCloud(Path(tempfile.mkdtemp(prefix="bridge-")), reason, temporary=True)


def _functions(topology: Topology, upstream: Upstream, cloud: Cloud) -> dict[str, Function]:
    environment = {
        **{name: os.environ.get(name, value) for name, value in _LOCAL_SETTINGS.items()},
        **cloud.environment,
        "VIDEO_VECTOR_BASE_URL": upstream.api_url,
        "VIDEO_VECTOR_API_KEY": upstream.key,
        "PYTHONUNBUFFERED": "1",
    }
    return {
        name: Function(name, entry_point, environment)
        for name, entry_point in topology.functions.items()
    }


def _write_endpoints(upstream: Upstream, cloud: Cloud, functions: Mapping[str, Function]) -> None:
    environment = cloud.environment
    endpoints = {
        "api_url": upstream.api_url,
        "api_keys": upstream.api_keys if upstream.control else {},
        "control_url": upstream.control.url if upstream.control else None,
        "backend": cloud.kind,
        "project_id": environment.get("GOOGLE_CLOUD_PROJECT"),
        "pubsub_emulator_host": environment.get("PUBSUB_EMULATOR_HOST"),
        "firestore_emulator_host": environment.get("FIRESTORE_EMULATOR_HOST"),
        "embedded_dir": environment.get("EMBEDDED_DIR"),
        "functions": {name: function.url for name, function in functions.items()},
    }
    ENDPOINTS.parent.mkdir(parents=True, exist_ok=True)
    draft = ENDPOINTS.with_suffix(".new")
    draft.write_text(json.dumps(endpoints, indent=2) + "\n", encoding="utf-8")
    draft.replace(ENDPOINTS)
