"""What tests of the command line keep secrets in, and how they kill it between two steps."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.support.webhook_api import Step, nothing
from videovector_bridge.cli.webhook.secret_rotator import SecretKeeper
from videovector_bridge.cli.webhook.stored_secrets import StoredSecrets

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class KilledError(BaseException):
    """The process ends here."""


class Killer:
    """Lets so many steps pass, then ends the process; None: never. `step` is one of its steps."""

    def __init__(self, after: int | None) -> None:
        self._left = after
        self.passed: list[str] = []

    def step(self, what: str) -> None:
        """Pass, or die. Only changes count: a death between two readings is as one before them."""
        if "GET" in what:
            return
        if self._left is not None and len(self.passed) >= self._left:
            raise KilledError(what)
        self.passed.append(what)


@contextmanager
def killed() -> Iterator[None]:
    """A process that may be killed."""
    try:
        yield
    except KilledError:
        return


class MemoryStore:
    """The `SecretStore` port in memory, with every text that it ever held."""

    def __init__(self, text: str = "", *, settle_seconds: float = 0.0) -> None:
        self.texts = [text]
        self.settle_seconds = settle_seconds
        self.trouble: Step = nothing

    def __str__(self) -> str:
        return "the store"

    def read(self) -> str:
        """The text."""
        return self.texts[-1]

    def write(self, text: str) -> bool:
        """Put `text` there."""
        self.trouble("before write")
        self.texts.append(text)
        self.trouble("after write")
        return True

    def held(self) -> AbstractContextManager[None]:
        """Nobody else is there."""
        return nullcontext()

    def check_writable(self) -> None:
        """It is."""

    @property
    def stored(self) -> StoredSecrets:
        """What it holds."""
        return StoredSecrets.parse(self.read())


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.naps: list[float] = []

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on without waiting."""
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds)


_numbers = count(1)


def keeper_of(store: MemoryStore, time: Time | None = None) -> SecretKeeper:
    """The keeper of a process of its own: no two ever make the same nonce."""
    time = time or Time()
    return SecretKeeper(
        "default",
        store,
        nothing,
        now=time,
        sleep=time.sleep,
        nonce=lambda: f"{next(_numbers):032x}",
    )
