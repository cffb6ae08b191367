"""The ordinary bridge: httpx-sse, Pub/Sub's batching client, a checkpoint every 1,000 events.

`google.cloud.pubsub_v1.PublisherClient` collects messages in its own threads with its default
settings (100 messages or 10 ms), for each ordering key apart. After every 1,000 events the program
waits for all their futures and then writes the position in Firestore.

It has no lease and no fencing token (two of these at once publish everything twice, and the slower
one moves the position back), no window (it ends after `--events`), no topic `rejected`, no claim
check and no limit of bytes. A future that fails ends it; the next start resumes at the position.
"""

import sys
from concurrent.futures import Future
from typing import Final

from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import PublisherOptions

from tests.bench.baselines.job import WARM_UP_EVENTS, Job, parse_options
from tests.bench.measured import print_measurement

_PER_CHECKPOINT: Final = 1_000
_PUBLISH_SECONDS: Final = 60.0


def drain(job: Job, events: int) -> int:
    """Publish `events` events after the position, and return their number."""
    publish = job.publish()
    futures: list[Future[str]] = []
    for number, (event_id, event) in enumerate(job.events(events), 1):
        futures.append(publish(event))
        if number % _PER_CHECKPOINT == 0 or number == events:
            for future in futures:
                future.result(_PUBLISH_SECONDS)
            futures.clear()
            job.write_position(event_id)
    return events


def main() -> int:
    """Publish a few events, then measure."""
    options = parse_options(__doc__)
    ordering = PublisherOptions(enable_message_ordering=options.ordered)
    publisher = PublisherClient(publisher_options=ordering)
    drain(Job("warm-up", publisher, options.ordered), WARM_UP_EVENTS)
    job = Job("bench", publisher, options.ordered)
    print_measurement(lambda: drain(job, options.events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
