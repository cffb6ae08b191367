"""Runs of `ensure` and `rotate` against a fake API, which may be killed between two steps."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx

from tests.support.webhook_api import EVENTS, ONCE, URL, Step, WebhookApi, nothing, webhook
from videovector_bridge.api import RetryPolicy
from videovector_bridge.cli.stored_secrets import StoredSecrets
from videovector_bridge.cli.webhook.ensure import EnsureResult, ensure
from videovector_bridge.cli.webhook.secret_rotator import SecretRotator
from videovector_bridge.cli.webhook.webhook_spec import WebhookSpec

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPEC = WebhookSpec("default", URL, EVENTS)
# What a store contains when it has the secret of the webhook `w1`.
STORED = "# webhook default w1\nword-w1-0\n"
# A webhook of others with a name like the bridge's.
FOREIGN = webhook("theirs", name="videovector-bridge:default", metadata={"managed_by": "us"})


class KilledError(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process after `after` steps; None: never."""

    def __init__(self, after: int | None) -> None:
        self._left = after
        self.passed: list[str] = []

    def step(self, what: str) -> None:
        """Pass, or end the process. Reads do not count: dying between two reads changes nothing."""
        if "GET" in what:
            return
        if self._left is not None and len(self.passed) >= self._left:
            raise KilledError(what)
        self.passed.append(what)


@contextmanager
def killed() -> Iterator[None]:
    """Run a process that a `Killer` may end."""
    try:
        yield
    except KilledError:
        return


class MemoryStore:
    """The `SecretStore` port in memory, with every text that was ever written."""

    def __init__(self, text: str = "", *, propagation_seconds: float = 0.0) -> None:
        self.texts = [text]
        self.propagation_seconds = propagation_seconds
        self.on_step: Step = nothing

    def __str__(self) -> str:
        return "the store"

    def read(self) -> str:
        """Return the text."""
        return self.texts[-1]

    def write(self, text: str) -> bool:
        """Replace the text."""
        self.on_step("before write")
        self.texts.append(text)
        self.on_step("after write")
        return True

    def lock(self) -> AbstractContextManager[None]:
        """Do nothing: there are no other processes."""
        return nullcontext()

    def check_writable(self) -> None:
        """Do nothing: it is writable."""

    @property
    def stored(self) -> StoredSecrets:
        """The parsed text."""
        return StoredSecrets.parse(self.read())


class Time:
    """A clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now = NOW
        self.sleeps: list[float] = []

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        self.sleeps.append(seconds)
        self.now += timedelta(seconds=seconds)


_numbers = count(1)


def rotator_of(store: MemoryStore, time: Time | None = None) -> SecretRotator:
    """Return the rotator of a new process: no two generate the same nonce."""
    time = time or Time()
    return SecretRotator(
        "default",
        store,
        nothing,
        now=time,
        sleep=time.sleep,
        nonce=lambda: f"{next(_numbers):032x}",
    )


def run_ensure(
    api: WebhookApi,
    store: MemoryStore,
    *,
    spec: WebhookSpec = SPEC,
    time: Time | None = None,
    retry: RetryPolicy | None = None,
) -> EnsureResult:
    """Run `ensure` once, as a new process."""
    rotator = rotator_of(store, time)
    return ensure(api.client(retry), rotator, spec, grace_seconds=3_600, notify=nothing)


def run_rotate(api: WebhookApi, store: MemoryStore, time: Time, retry: RetryPolicy = ONCE) -> None:
    """Rotate the secret of `w1` once, as a new process."""
    rotator_of(store, time).rotate(api.client(retry), "w1", 3_600)


def assert_ensured(api: WebhookApi, store: MemoryStore, spec: WebhookSpec = SPEC) -> None:
    """Assert that one webhook is as specified and that its secret is first in the store."""
    (ours,) = api.ours()
    actual = (ours["url"], set(ours["events"]), set(ours["index_ids"] or ()), ours["status"])

    assert actual == (spec.url, set(spec.events), set(spec.index_ids or ()), "active")
    assert store.stored.has_secret_of(ours["webhook_id"], NOW)
    assert store.stored.secrets.secrets[0].value == api.secrets[ours["webhook_id"]]
    assert store.stored.secrets.rotating_until is None


def lose_responses(what: str, times: int = 1) -> Callable[[str], None]:
    """Return a step that loses the responses to the first `times` requests `what`."""
    left = [times]

    def on_step(step: str) -> None:
        if step == f"after {what}" and left[0]:
            left[0] -= 1
            raise httpx.ReadTimeout("lost")

    return on_step
