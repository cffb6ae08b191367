"""`main.py`: what each entry point imports before its first request, which is its cold start."""

import gc
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

import pytest

import main
from infra.local.processes.functions import ROOT
from main import HTTP, subscribers

HOST: Final = """
    functions_framework google.cloud.functions google.cloud.functions_v1 blinker click cloudevents
    deprecation flask itsdangerous jinja2 markupsafe packaging werkzeug
"""
GOOGLE: Final = """
    google.pubsub_v1 google.cloud.firestore_v1 google.api google.api_core google.auth
    google.cloud.client google.cloud.exceptions google.cloud.location google.iam google.longrunning
    google.oauth2 google.protobuf google.rpc google.type certifi charset_normalizer cryptography
    grpc grpc_status idna opentelemetry proto requests urllib3
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """What an entry point loads: its own libraries, beside those of the host and of Google.

    `rooms` are the bridge's packages, and those modules of them that not every entry point needs.
    """

    libraries: str
    rooms: str


DRAIN: Final = Listed(
    "httpx httpx_sse orjson tenacity",
    """
    backends backends.gcp ingest
    settings settings.api settings.buckets settings.cloud settings.drain settings.filters
    settings.streams
    api api.calls api.error_body api.errors api.frames api.retry api.stream
    """,
)
RECEIVE_WEBHOOK: Final = Listed(
    "orjson tenacity",
    """
    backends backends.gcp ingest
    settings settings.api settings.buckets settings.cloud settings.webhook
    """,
)
RECONCILE: Final = Listed(
    "httpx orjson tenacity",
    """
    backends backends.gcp watch watch.reconcile
    settings settings.api settings.buckets settings.cloud settings.reconcile
    api api.bridge_webhooks api.calls api.client api.error_body api.errors api.models api.responses
    api.retry api.throttle api.transport api.webhook_responses api.webhooks
    """,
)
CANARY: Final = Listed(
    "httpx httpx_sse orjson tenacity",
    """
    backends backends.gcp watch watch.canary
    settings settings.api settings.buckets settings.canary settings.cloud settings.filters
    settings.streams
    api api.bridge_webhooks api.calls api.error_body api.errors api.frames api.models api.responses
    api.retry api.stream api.throttle api.transport api.webhook_responses api.webhooks
    """,
)
SUBSCRIBER: Final = Listed(
    "cel httpx orjson tenacity",
    """
    backends backends.gcp automate automate.actions automate.automations automate.cel
    automate.effects
    settings settings.api settings.buckets settings.cloud settings.subscriber
    api api.calls api.client api.error_body api.errors api.models api.responses api.retry
    api.throttle api.transport
    """,
)
ENTRY_POINTS: Final = {
    "canary": CANARY,
    "drain": DRAIN,
    "receive_webhook": RECEIVE_WEBHOOK,
    "reconcile": RECONCILE,
    **dict.fromkeys(subscribers(), SUBSCRIBER),
}
VARIES: Final = frozenset({"typing_extensions"})
"""Loaded on some versions of Python only."""

ADVICE: Final = (
    "`{entry_point}` imports {names} at its start. If its first request needs that, add it to the "
    "list in this file, and compare `python -m tests.bench.cold_start --only {entry_point}` before "
    "and after; if only some requests need it, import it in the function that uses it."
)
_LOAD: Final = """
import sys
from functions_framework import create_app
create_app(sys.argv[1], "functions/main.py")
for name, module in list(sys.modules.items()):
    if getattr(module, "__spec__", None):  # the others are no files
        print(name, hasattr(module, "__path__"))
"""


def loaded_by(code: str, *arguments: str, **environment: str) -> dict[str, bool]:
    """Return what code prints in a new process: names, such as those of modules, with a bool."""
    # Coverage, which would start in the child process, loads more.
    clean = os.environ | {"PYTHONPATH": "functions", "COVERAGE_PROCESS_CONFIG": "", "BACKEND": ""}
    output = subprocess.check_output(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=clean | environment, text=True
    )
    lines = (line.split() for line in output.splitlines())
    return {name: is_package == "True" for name, is_package in lines}


def libraries_in(modules: dict[str, bool]) -> set[str]:
    """Return the third-party packages of modules; Google's libraries by two or three names."""
    libraries = set()
    for module in modules:
        names = module.split(".")
        if names[0] in {*sys.stdlib_module_names, "main", "videovector_bridge"}:
            continue
        if names[0] == "google":
            names = names[: 3 if names[1:2] == ["cloud"] else 2]
        library = ".".join(names if names[0] == "google" else names[:1])
        if not names[-1].startswith("_") and library not in ("google", "google.cloud"):
            libraries.add(library)
    return libraries - VARIES


def rooms_in(modules: dict[str, bool]) -> set[str]:
    """Return the rooms of the bridge, and the modules of `api` and `settings`."""
    ours = {
        module.removeprefix("videovector_bridge."): is_package
        for module, is_package in modules.items()
        if module.startswith("videovector_bridge.")
    }
    return {
        module
        for module, is_package in ours.items()
        if is_package or module.startswith(("api.", "settings."))
    }


def assert_as_listed(entry_point: str, loaded: set[str], text: str) -> None:
    """Assert that an entry point loads what is listed in a text: not more, and not less."""
    listed = set(text.split())
    names = ", ".join(sorted(loaded - listed))
    assert not loaded - listed, ADVICE.format(entry_point=entry_point, names=names)
    assert not listed - loaded, f"Remove {sorted(listed - loaded)} from the list in this file."


def test_every_entry_point_is_listed() -> None:
    """A new one needs a list here."""
    assert set(ENTRY_POINTS) == {*HTTP, *subscribers()}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_an_entry_point_loads_what_is_listed(entry_point: str) -> None:
    """Its libraries and rooms, and no command line of a library."""
    modules = loaded_by(_LOAD, entry_point)
    listed = ENTRY_POINTS[entry_point]
    libraries = f"{listed.libraries} {HOST} {GOOGLE}"

    assert_as_listed(entry_point, libraries_in(modules), libraries)
    assert_as_listed(entry_point, rooms_in(modules), listed.rooms)


@pytest.mark.parametrize("backend", ["embedded", "a typing mistake"])
def test_another_backend_loads_no_library_of_google(backend: str) -> None:
    """The settings report a wrong value, at the first request."""
    libraries = libraries_in(loaded_by(_LOAD, "drain", BACKEND=backend))

    assert libraries & set(GOOGLE.split()) <= {"google.protobuf", "idna"}  # others need these
    assert set(DRAIN.libraries.split()) <= libraries


def test_a_bucket_loads_its_library_at_its_first_use() -> None:
    """Each deployed function has the bucket of claim checks, and few use it."""
    code = """
import sys
from videovector_bridge.backends import BackendSettings, open_backend
open_backend(BackendSettings("gcp", "project", "", "claims", "previews"))
for name in list(sys.modules):
    print(name, False)
"""
    modules = loaded_by(code)

    assert "videovector_bridge.backends.gcp.blobs" in modules
    assert "videovector_bridge.backends.gcp.files" in modules
    assert "google.cloud.storage" not in modules


def test_garbage_is_collected_after_the_start() -> None:
    """Imports run without collections, which then leave out what was imported."""
    code = """
import gc, sys
from functions_framework import create_app
create_app(sys.argv[1], "functions/main.py")
print("collects", gc.isenabled())
print("has_excluded", gc.get_freeze_count() > 0)
"""

    assert loaded_by(code, "drain") == {"collects": True, "has_excluded": True}


def test_garbage_is_collected_after_a_failed_start() -> None:
    """The host reports an entry point that does not exist."""
    with pytest.raises(AttributeError, match="no entry point 'no_such'"):
        _ = main.no_such

    assert gc.isenabled()
