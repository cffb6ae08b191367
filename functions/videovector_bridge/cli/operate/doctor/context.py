"""What the checks use, and how a read that fails becomes a finding."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

from videovector_bridge.api.probe import Prober
from videovector_bridge.automate.automations.filters import derive_filters
from videovector_bridge.automate.automations.reader import parse_automations
from videovector_bridge.automate.plan import Automation
from videovector_bridge.backends.inventory_port import NotHereError
from videovector_bridge.cli.input_files import choose_file, read_text
from videovector_bridge.cli.source_tree import find_source_hash, find_version
from videovector_bridge.cli.target import Target
from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.redact import clean_text
from videovector_bridge.watch.doctor.finding import ONLY_CLOUD, Finding

SECONDS: Final = 10.0
"""Timeout of one request."""

T = TypeVar("T")


@dataclass(frozen=True)
class CheckContext:
    """The target, the automations file (empty: the default one), and the environment."""

    target: Target
    automations_file: str
    environ: Mapping[str, str]

    @cached_property
    def automations(self) -> tuple[Automation, ...] | None:
        """The automations, without those that have mistakes; None without a file."""
        file = choose_file(self.automations_file, self.environ)
        try:
            return parse_automations(read_text(file), file).automations
        except SettingsError:
            if self.automations_file:
                raise
            return None

    @property
    def by_action(self) -> Mapping[str, int] | None:
        """The number of automations by action; None without a file."""
        if self.automations is None:
            return None
        actions = [each.action for each in self.automations]
        return {action: actions.count(action) for action in actions}

    @property
    def filters(self) -> Mapping[str, str]:
        """The filter of each action's subscription, as the automations need it."""
        return derive_filters(self.automations) if self.automations is not None else {}

    def read_source(self) -> tuple[str, str]:
        """Return the version and source hash of this tree. Raises `SettingsError`."""
        file = Path(choose_file(self.automations_file, self.environ))
        try:
            return find_version(), find_source_hash(file)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"the source tree cannot be read: {error}"]) from None

    def open_prober(self) -> Prober:
        """Return what sends single requests. Raises `SettingsError` or `BackendError`."""
        api = self.target.api
        return Prober(api.base_url, api.key.current(), api.timeout_seconds)


def attempt(
    subject: str, read: Callable[[], T], judge: Callable[[T], Finding | Iterable[Finding]]
) -> Iterator[Finding]:
    """Yield what `judge` finds about the result of `read`; what cannot be read is not checked."""
    try:
        result = read()
    except NotHereError:
        yield Finding(subject, "not checked", ONLY_CLOUD)
        return
    except BackendError as error:
        yield Finding(subject, "not checked", clean_text(str(error), limit=500))
        return
    findings = judge(result)
    yield from [findings] if isinstance(findings, Finding) else findings


def only_cloud(subject: str = "") -> Finding:
    """Return the finding that something exists only on Google Cloud."""
    return Finding(subject, "not checked", ONLY_CLOUD)
