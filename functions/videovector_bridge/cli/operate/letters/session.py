"""What a command on letters works with: the deployment, the subscription and its leases."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import typer

from videovector_bridge.backends.pubsub_filter import Passes, parse_filter
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.operate.letters.leases import LeasedMessages, Leases, extending
from videovector_bridge.cli.operate.letters.letter import Kind
from videovector_bridge.cli.operate.letters.options import Chosen
from videovector_bridge.cli.operate.letters.reader import Reading, Source, read_letters
from videovector_bridge.cli.operate.letters.select import Selection, find_functions
from videovector_bridge.cli.operate.letters.spool import Spool
from videovector_bridge.cli.output import print_message
from videovector_bridge.cli.target import Target, open_target
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Session:
    """A subscription that is read, with leases that end with the session."""

    target: Target
    source: Source
    selection: Selection
    leases: Leases
    spool: Spool

    def read(self, *, limit: int | None = None, with_data: bool = True) -> Reading:
        """Read the selected letters. Their data is in the spool. Raises `BackendError`."""
        reading = read_letters(
            self.source,
            self.leases,
            self.selection,
            spool=self.spool if with_data else None,
            limit=limit,
        )
        if reading.is_full:
            print_message(
                "The temporary file is full (1 GiB): the rest of the subscription is not read. "
                "Run the command again for the rest."
            )
        elif reading.read == 0:
            print_message(
                f"{self.source.subscription} delivered no message for {self.source.wait:g} s: it "
                f"is empty, or another command has its messages."
            )
        return reading


def find_kind(ctx: typer.Context) -> Kind:
    """Return the group that the command was called in."""
    return "dead-letters" if ctx.parent and ctx.parent.info_name == "dead-letters" else "rejected"


def open_checked(ctx: typer.Context, chosen: Chosen, **target: Any) -> tuple[Target, Selection]:
    """Open the target and resolve functions. Raises `SettingsError` with every problem."""
    problems = list(chosen.problems)
    try:
        opened = open_target(ctx.ensure_object(CommandContext).environ, **target)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    actions = {each.name: each.action for each in opened.deployment.functions}
    functions, unknown = find_functions(chosen.selection.functions, actions)
    if problems or unknown:
        raise SettingsError([*problems, *unknown])
    return opened, replace(chosen.selection, functions=tuple(functions))


@contextmanager
def open_session(
    kind: Kind,
    target: Target,
    selection: Selection,
    *,
    wait: float,
    messages: LeasedMessages | None = None,
) -> Iterator[Session]:
    """Open the subscription, or other `messages`. At the end, what is not handled is released."""
    deployment = target.deployment
    source = Source(
        kind=kind,
        subscriptions=messages or target.subscriptions,
        subscription=deployment.subscription(kind).id,
        functions=name_functions(deployment),
        wait=wait,
        notify=print_message,
    )
    leases = Leases(source.subscriptions, source.subscription, print_message)
    with Spool() as spool, extending(leases):
        yield Session(target, source, selection, leases, spool)


def name_functions(deployment: Deployment) -> dict[str, str]:
    """Return the name of each function by its action, and by the id of its subscription."""
    by_action = {each.action: each.name for each in deployment.functions if each.action}
    return by_action | {each.id: each.function for each in deployment.subscriptions}


def find_addressee(deployment: Deployment, name: str) -> tuple[str, Passes]:
    """Return the action of a function that subscribes to `events`, and its filter.

    Raises `SettingsError` if there is no such function.
    """
    for function in deployment.functions:
        if function.action and name in (function.name, function.action):
            for subscription in deployment.subscriptions:
                if (subscription.function, subscription.topic) == (function.name, "events"):
                    return function.action, _parse(subscription.filter, subscription.id)
    known = ", ".join(each.function for each in deployment.subscriptions if each.topic == "events")
    raise SettingsError(
        [f"--to {name}: no function of that name acts on topic `events`, only {known}"]
    )


def _parse(text: str, subscription: str) -> Passes:
    try:
        return parse_filter(text)
    except ValueError as error:
        print_message(
            f"Whether subscription {subscription} lets the events through is not checked: {error}."
        )
        return lambda _attributes: True
