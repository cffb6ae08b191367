"""Redrive rejected messages as `videovector-bridge rejected redrive --id ID` does, by its code."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from videovector_bridge.backends import open_backend, open_subscriptions
from videovector_bridge.cli.operate.letters.leases import Leases, extending
from videovector_bridge.cli.operate.letters.plan import plan_redrive
from videovector_bridge.cli.operate.letters.reader import Source, read_letters
from videovector_bridge.cli.operate.letters.redriver import Redriver
from videovector_bridge.cli.operate.letters.select import Selection
from videovector_bridge.cli.operate.letters.spool import Spool
from videovector_bridge.environment import Environment
from videovector_bridge.settings.cloud import LANES, read_backend

_WAIT_SECONDS: Final = 1.0
_RATE: Final = 100
_SUBSCRIPTION: Final = "rejected"


def redrive_rejected(
    environment: Mapping[str, str],
    topic: str,
    event_ids: Sequence[str],
    notify: Callable[[str], None],
) -> set[str]:
    """Redrive the events to `topic`; return the ids of those that are published and acknowledged.

    The `environment` is the functions' own. An event may have several rejected messages. One that
    Pub/Sub does not deliver yet is not among the ids: call again.
    """
    checked = Environment(environment)
    settings = read_backend(checked)
    checked.finish()
    backend, subscriptions = open_backend(settings), open_subscriptions(settings)
    source = Source(
        kind="rejected",
        subscriptions=subscriptions,
        subscription=_SUBSCRIPTION,
        functions={},
        wait=_WAIT_SECONDS,
        notify=notify,
    )
    leases = Leases(subscriptions, _SUBSCRIPTION, notify)
    with Spool() as spool, extending(leases):
        reading = read_letters(
            source,
            leases,
            Selection(ids=tuple(event_ids)),
            spool=spool,
        )
        redriver = Redriver(
            kind="rejected",
            topics=backend.topics,
            blobs=backend.blobs,
            topic=topic,
            leases=leases,
            spool=spool,
            rate=_RATE,
            lanes=LANES[0],
            notify=notify,
        )
        result = redriver.run(plan_redrive(reading.letters))
    left = {letter.event_id for each in result.left for letter in each.letters}
    return {letter.event_id for letter in reading.letters} - left
