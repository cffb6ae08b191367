"""Send requests to a function, several at once, and retry each until it is accepted."""

import http.client
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles
from typing import Final
from urllib.parse import urlsplit

_TIMEOUT_SECONDS: Final = 60.0

Post = tuple[bytes, Mapping[str, str]]
"""The body and the headers of one request."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Total seconds, milliseconds until each request was accepted, and a count of each status."""

    seconds: float
    milliseconds: Sequence[float]
    statuses: Mapping[int, int]

    @property
    def percentiles(self) -> tuple[float, float]:
        """The 50th and 99th percentile of the milliseconds."""
        cuts = quantiles(self.milliseconds, n=100, method="inclusive")
        return round(cuts[49], 1), round(cuts[98], 1)


def post_all(url: str, posts: Sequence[Post], at_once: int, accepted: int) -> Posted:
    """Send all requests. After a 503, retry after its Retry-After, or after 0.1 s.

    Raises `RuntimeError` if a status is neither `accepted` nor 503.
    """
    shares = [posts[first::at_once] for first in range(at_once)]
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        results = list(threads.map(lambda share: _post_in_turn(url, share), shares))
    seconds = time.perf_counter() - started
    statuses: Counter[int] = Counter()
    for _, each in results:
        statuses += each
    if set(statuses) - {accepted, 503} or statuses[accepted] != len(posts):
        raise RuntimeError(f"Requests to {url} did not all return {accepted} or 503: {statuses}")
    return Posted(seconds, [one for times, _ in results for one in times], statuses)


def _post_in_turn(url: str, posts: Sequence[Post]) -> tuple[list[float], Counter[int]]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS
    )
    milliseconds: list[float] = []
    statuses: Counter[int] = Counter()
    for body, headers in posts:
        status = 503
        while status == 503:
            started = time.perf_counter()
            try:
                connection.request("POST", "/", body, dict(headers))
                response = connection.getresponse()
                response.read()
            except ConnectionError:  # the host closes connections after 2 s without a request
                connection.close()
                continue
            status = response.status
            statuses[status] += 1
            if status == 503:
                time.sleep(float(response.headers.get("Retry-After", "0.1")))
        milliseconds.append((time.perf_counter() - started) * 1_000)
    connection.close()
    return milliseconds, statuses
