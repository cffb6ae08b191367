"""Child processes that end when this process ends, however it ends."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# The shell leads a session that contains the command and all its children. It waits on a pipe that
# only this process holds open, and kills the session when the pipe closes. It also kills the
# session when the command ends, which makes `ended` true. A process group is not enough: gcloud
# moves itself and its Java process to another group (but not to another session).
_WATCHDOG = """
end() { pkill -KILL -s $$; kill -KILL 0; }
("$@" </dev/null; end) &
read -r _
end
"""


class Process:
    """A command with all its children, in a session of its own; its output goes to a log file.

    Its working directory is `folder`, or a temporary one that `stop` removes. It inherits the
    descriptors in `files` under the same numbers.
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
            self._watchdog = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHDOG, "watchdog", *command],
                cwd=folder or self._scratch,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=files,
            )

    def ended(self) -> bool:
        """Whether the command has ended, for any reason."""
        return self._watchdog.poll() is not None

    def last_line(self) -> str:
        """Return the last line of its output, at most 300 characters."""
        lines = self._log.read_text(errors="replace").splitlines()
        printed = [line.strip() for line in lines if line.strip()]
        return printed[-1][:300] if printed else "it printed nothing"

    def has_printed(self, text: str) -> bool:
        """Whether its output contains a text."""
        return text in self._log.read_text(errors="replace")

    def session(self) -> int:
        """Return the id of the session of the command and its children."""
        return self._watchdog.pid

    def stop(self) -> None:
        """Kill the command and all its children at once. May be called more than once."""
        # The watchdog reads the end of its input and kills the session, itself included.
        self._watchdog.communicate()
        # If only the watchdog was killed, its children are still running.
        subprocess.run(["pkill", "-KILL", "-s", str(self._watchdog.pid)], check=False)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
