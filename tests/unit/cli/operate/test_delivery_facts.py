"""`cli.operate.delivery_facts`: what is known of VideoVector's retries."""

from datetime import UTC, datetime
from typing import Any

from videovector_bridge.api.models import Delivery, Webhook
from videovector_bridge.cli.operate.delivery_facts import (
    MOST_RECORDS,
    describe_failed,
    select_receiving,
    summarize,
    warn,
)

SINCE = datetime(2026, 1, 2, 3, tzinfo=UTC)
BEFORE, AFTER = "2026-01-02T02:59:59Z", "2026-01-02T03:00:01Z"


def record(name: str, status: str, attempts: int = 1, **times: Any) -> Delivery:
    """Return the record of a delivery."""
    return Delivery(name, "wh_1", "media.created", status, attempts=attempts, **times)


def test_the_records_are_summarized() -> None:
    """Attempts of what is not delivered, the earliest retry, and what failed since the pause."""
    facts = summarize(
        ["wh_1"],
        iter(
            [
                record("d1", "delivered", 9, created_at=AFTER),
                record("d2", "retrying", 3, next_retry_at="2026-01-02T03:10:00Z"),
                record("d3", "retrying", 2, next_retry_at="2026-01-02T05:05:00+02:00"),
                record("d4", "failed", 5, created_at=BEFORE, last_attempt_at=AFTER),
                record("d5", "failed", 5, created_at=BEFORE, last_attempt_at=BEFORE),
                record("d6", "failed", 5),
            ]
        ),
        SINCE,
    )

    assert facts.by_status == {"delivered": 1, "failed": 3, "retrying": 2}
    assert (facts.most_attempts, facts.next_retry_at) == (5, "2026-01-02T05:05:00+02:00")
    assert facts.failed == ("d4", "d6")
    assert facts.complete


def test_no_records_are_a_summary_too() -> None:
    """Nothing is known."""
    facts = summarize(["wh_1"], iter([]), SINCE)

    assert (
        "none; most attempts of one that was not delivered: 0; next retry: unknown"
        in warn(facts)[1]
    )
    assert describe_failed(facts) == "No delivery failed during the pause."


def test_a_long_list_is_bounded() -> None:
    """The number of records that are read, and of ids that are shown."""
    facts = summarize(["wh_1"], (record(f"d{n}", "failed") for n in range(MOST_RECORDS + 1)), SINCE)

    assert not facts.complete
    assert "(there may be more than 2,000 records) 2000 deliveries failed" in describe_failed(facts)
    assert "d19 and 1980 more" in describe_failed(facts)


def test_a_full_page_may_not_be_all() -> None:
    """VideoVector may return the newest page only. A record that is listed twice counts once."""
    page = [record(f"d{n}", "retrying") for n in range(100)]

    assert not summarize(["wh_1"], iter(page), SINCE).complete
    once = summarize(["wh_1"], iter(page[:60] + page[:60]), SINCE)
    assert (once.read, once.complete) == (60, True)


def webhook(name: str, url: str, *, ours: bool = True) -> Webhook:
    """Return a webhook at VideoVector."""
    return Webhook(name, f"videovector-bridge:{name}" if ours else name, url, ())


def test_the_receiving_webhook_has_the_url_of_the_function() -> None:
    """Behind a load balancer the URL is another, so every webhook of the bridge counts."""
    webhooks = [
        webhook("a", "https://a.example/"),
        webhook("b", "https://b.example"),
        webhook("c", "https://a.example", ours=False),
    ]

    def names(url: str) -> list[str]:
        return [each.webhook_id for each in select_receiving(webhooks, url)]

    assert names("https://a.example") == ["a"]
    assert names("https://other.example") == ["a", "b"]
    assert names("") == ["a", "b"]
