"""The simplest bridge: publish an event, wait for its message id, read the next event.

The client sends each message at once (`max_messages=1`): with its default settings, every event
would also wait 10 ms for a second one. With an ordering key it waits whatever the settings are, so
there are none (one message at a time is in order, until a subscriber receives several). A position
every 1,000 events, as in `ordinary.py`, whose list of what is missing holds here too.
"""

import sys
from typing import Final

from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings

from tests.bench.baselines.job import Job, parse_options
from tests.bench.measured import print_measurement

_AT_ONCE: Final = BatchSettings(max_messages=1)
_PER_CHECKPOINT: Final = 1_000
_PUBLISH_SECONDS: Final = 60.0
_WARM_UP_EVENTS: Final = 100


def drain(job: Job, events: int) -> int:
    """Publish `events` events after the position, and return their number."""
    publish = job.publish()
    for number, (event_id, event) in enumerate(job.events(events), 1):
        publish(event).result(_PUBLISH_SECONDS)
        if number % _PER_CHECKPOINT == 0 or number == events:
            job.write_position(event_id)
    return events


def main() -> int:
    """Publish a few events, then measure."""
    events = parse_options(__doc__).events
    publisher = PublisherClient(_AT_ONCE)
    drain(Job("warm-up", publisher, ordered=False), _WARM_UP_EVENTS)
    job = Job("bench", publisher, ordered=False)
    print_measurement(lambda: drain(job, events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
