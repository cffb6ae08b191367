"""Child processes that surely end with us, whatever way we end."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# The shell leads a session with the command and all its children in it, and waits on a pipe that
# only we hold open. When we end, in whatever way, the session goes; and when the command ends by
# itself, the session goes too, which is how we notice. Its process group alone would not do where
# gcloud is run: gcloud moves itself and its Java to another group (but not session).
_KEEPER = """
end() { pkill -KILL -s $$; kill -KILL 0; }
("$@" </dev/null; end) &
read -r _
end
"""


class Process:
    """A command with all its children, in a session of its own; its output goes to a log file.

    It works in `folder`, or in a temporary one that goes with it, and inherits `files`
    (descriptors of ours) under their numbers.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        log: Path | None = None,
        files: Sequence[int] = (),
    ) -> None:
        self._scratch = None if folder and log else Path(tempfile.mkdtemp(prefix="bridge-"))
        self._log = log or (self._scratch or Path()) / "log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", *command],
                cwd=folder or self._scratch,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=files,
            )

    def ended(self) -> bool:
        """Whether the command has ended, by itself or not."""
        return self._keeper.poll() is not None

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self._log.read_text(errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:300] if said else "it printed nothing"

    def session(self) -> int:
        """The id of the session that the command and its children are in."""
        return self._keeper.pid

    def stop(self) -> None:
        """Kill the command and all its children, at once. Safe to call again."""
        # The keeper sees the end of its input, and kills all, itself included.
        self._keeper.communicate()
        # Somebody may have killed the keeper, and nobody else.
        subprocess.run(["pkill", "-KILL", "-s", str(self._keeper.pid)], check=False)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
