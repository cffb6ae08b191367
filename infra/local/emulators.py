"""Google's Pub/Sub and Firestore emulators on this machine: start, wait until they answer, stop."""

import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.processes import Process, free_port

_VARIABLES = {"pubsub": "PUBSUB_EMULATOR_HOST", "firestore": "FIRESTORE_EMULATOR_HOST"}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """There are no emulators here, and why: one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Emulators:
    """Both emulators, answering at `host:port`. Those that were there before are never stopped."""

    pubsub_host: str
    firestore_host: str
    _started: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Google's libraries find the emulators."""
        return {
            _VARIABLES["pubsub"]: self.pubsub_host,
            _VARIABLES["firestore"]: self.firestore_host,
        }

    def stop(self) -> None:
        """Kill what was started, with all its children. Safe to call again."""
        self._started.close()


def start_emulators(
    timeout_seconds: float = 20.0, *, running: Mapping[str, str] | None = None
) -> Emulators | Unavailable:
    """Start both emulators at once on free ports of 127.0.0.1; return when both answer.

    `running` is an environment: an emulator that its `*_EMULATOR_HOST` names is used as it is
    instead of starting one. Ends within `timeout_seconds`. Where it returns `Unavailable`, nothing
    is left running; nor when this process ends, in whatever way.
    """
    deadline = time.monotonic() + timeout_seconds
    hosts = {name: (running or {}).get(variable, "") for name, variable in _VARIABLES.items()}
    processes: dict[str, Process] = {}
    with ExitStack() as stack:
        for name in [name for name, host in hosts.items() if not host]:
            port = free_port()
            command = _command(name, port)
            if isinstance(command, Unavailable):
                return command
            hosts[name] = f"127.0.0.1:{port}"
            # A gcloud that lacks a component would ask whether to install it, and wait.
            processes[name] = Process(command, environment={"CLOUDSDK_CORE_DISABLE_PROMPTS": "1"})
            stack.callback(processes[name].stop)
        for name, host in hosts.items():
            process = processes.get(name)
            while not _answers(host):
                if process and process.ended():
                    return Unavailable(f"The {name} emulator ended: {process.last_words()}")
                if time.monotonic() > deadline:
                    said = f"; it said last: {process.last_words()}" if process else ""
                    return Unavailable(
                        f"The {name} emulator at {host} did not answer within "
                        f"{timeout_seconds:g} s{said}"
                    )
                time.sleep(0.05)
        return Emulators(hosts["pubsub"], hosts["firestore"], stack.pop_all())


def _command(name: str, port: int) -> list[str] | Unavailable:
    """Return the command that starts an emulator: Java itself where its files are found.

    That is what gcloud runs too, after three seconds of its own.
    """
    gcloud = shutil.which("gcloud")
    if not gcloud:
        return Unavailable("There are no emulators here: no gcloud on the PATH.")
    java = _java()
    if not java:
        return Unavailable("There are no emulators here: they need Java, and there is none.")
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
        return Unavailable(f"There are no emulators here: the gcloud in {sdk} lacks {name}'s.")
    command = [gcloud, "beta", "emulators", name, "start", f"--host-port=127.0.0.1:{port}"]
    # Pub/Sub's keeps a file in its folder: not one that two of them share.
    return [*command, "--quiet", *(["--data-dir=."] if name == "pubsub" else [])]


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return (home and shutil.which(f"{home}/bin/java")) or shutil.which("java")


def _answers(host: str) -> bool:
    """Return whether the emulator answers HTTP, which it does on the port of its gRPC."""
    # No proxy: an environment's proxy settings are not meant for this machine's own ports.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}/", timeout=1.0):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
