"""Ends that were never sent, and what was published in their place."""

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.lost_ends import LostEnds
from infra.local.oracle.progress import Progress
from infra.local.scheduler import Call, Job
from tests.support.local_run import drain_call, event

TYPES = {
    ("stream", "run"): "processing.run_failed",
    ("webhook", "run"): "prompt_run.failed",
    ("stream", "video"): "processing.video_completed",
    ("webhook", "video"): "media.processing.completed",
}
RUN = [("stream", "run", ""), ("webhook", "run", "")]
VIDEO = [("stream", "video", "v1"), ("webhook", "video", "v1")]


def reconciled(
    channel: str, kind: str, video_id: str = "", run_id: str = "lost", suffix: str = ""
) -> TopicMessage:
    """An event in place of one of `channel` that never came."""
    event_type = TYPES[channel, kind]
    fields = {"run_id": run_id, "payload": {}} | ({"video_id": video_id} if video_id else {})
    data = {"data": fields} if channel == "webhook" else fields
    event_id = f"bridge.reconciled:{event_type}:{video_id}{run_id}{suffix}"
    message = event(event_id, event_type, channel="reconciled", **data)
    return TopicMessage(
        {**message.attributes, "ce-originchannel": channel}, message.data, message.published_at
    )


def judged(*messages: TopicMessage) -> LostEnds:
    """The judgement if a run and its one video lost their ends."""
    progress = Progress()
    progress.note_lost_ends(["lost"], 2)
    progress.note_events(list(messages))
    return progress.judge_lost_ends()


def test_each_lost_end_has_an_event_for_each_channel() -> None:
    """A run and a video are lost on the stream and on the webhook: four events."""
    messages = [reconciled(*each) for each in RUN + VIDEO]

    assert judged(*messages) == LostEnds(4, 4)
    assert judged(*messages).complete
    assert not judged(*messages[1:]).complete


def test_a_repeat_is_the_same_event() -> None:
    """Publishing is at least once."""
    messages = [reconciled(*each) for each in RUN + VIDEO]

    assert judged(*messages, *messages) == LostEnds(4, 4)


def test_an_event_in_place_of_nothing_is_named() -> None:
    """The work ended on the topic, or its end already has another event in its place."""
    other = reconciled("stream", "run", run_id="ended")
    second = reconciled("stream", "run", suffix=":again")

    ends = judged(other, *(reconciled(*each) for each in RUN), second)

    assert (ends.expected, ends.reconciled) == (4, 2)
    assert ends.needless == (other.attributes["ce-id"], second.attributes["ce-id"])


def test_events_in_place_of_others_cause_the_same_effects() -> None:
    """They have the channel and the fields of the event that never came."""
    progress = Progress()
    progress.note_events([reconciled("webhook", "run"), reconciled("stream", "video", "v1")])

    run, video = progress.published.values()
    assert (run.channel, run.type, run.run_id) == ("webhook", "prompt_run.failed", "lost")
    assert (video.channel, video.video_id, video.reconciled) == ("stream", "v1", True)
    assert (len(progress.events), len(progress.webhooks), len(progress.reconciled)) == (0, 0, 2)


def test_calls_of_reconcile_are_no_windows() -> None:
    """They have their own count, and the last failure is remembered until a run succeeds."""
    progress = Progress()
    job = Job("reconcile", "http://127.0.0.1:9", 0, 30)
    failed = {"outcome": "failed", "message": "Firestore is away."}

    for status, response in ((503, failed), (None, None)):
        progress.note_call(Call(job, status, response, 1.0))
    problem = progress.failed_check
    progress.note_call(Call(job, 200, {"outcome": "done"}, 1.0))
    progress.note_call(drain_call())

    assert problem == "reconcile did not respond."
    assert (progress.checks, progress.failed_check, progress.windows) == (2, "", 1)
