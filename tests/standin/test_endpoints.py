"""Endpoints that the vendor's SDK does not cover: markers and previews."""

from collections.abc import Iterator

import pytest

from infra.standin import StandIn
from tests.support.standin_api import request

MARKER = {"target_type": "run", "target_id": "run_1", "color": "red"}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in without events."""
    with StandIn() as running:
        yield running


def test_markers_are_listed_deleted_and_protected(standin: StandIn) -> None:
    """PUT replaces the marker of a target, GET returns an array, DELETE needs admin."""
    unknown_type = {**MARKER, "target_type": "x"}
    first, second = (
        request(standin, "PUT", "/markers", scope="write", json=MARKER).json() for _ in range(2)
    )

    assert first["marker_id"] == second["marker_id"]
    assert [second] == request(standin, "GET", "/markers", scope="read").json()
    assert request(standin, "PUT", "/markers", scope="read", json=MARKER).status_code == 403
    assert request(standin, "PUT", "/markers", scope="write", json=unknown_type).status_code == 422
    path = f"/markers/{second['marker_id']}"
    assert [
        request(standin, "DELETE", path, scope=scope).status_code
        for scope in ("write", "admin", "admin")
    ] == [403, 204, 404]


def test_previews_are_images(standin: StandIn) -> None:
    """GIF and thumbnail have their content types; an unknown id is 404."""
    page = request(standin, "GET", "/playground/videos", scope="read").json()["data"]
    video_id = page[0]["video_id"]
    (video,) = request(
        standin, "POST", "/videos/batch/segments", scope="read", json={"video_ids": [video_id]}
    ).json()
    segment_id = video["segments"][0]["segment_id"]

    gif = request(standin, "GET", f"/videos/{video_id}/gif", scope="read")
    jpeg = request(standin, "GET", f"/videos/segments/{segment_id}/thumbnail", scope="read")

    assert (gif.headers["content-type"], gif.content[:6]) == ("image/gif", b"GIF89a")
    assert (jpeg.headers["content-type"], jpeg.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert request(standin, "GET", "/videos/vid_none/gif", scope="read").status_code == 404


def test_an_unknown_path_is_not_found(standin: StandIn) -> None:
    """The body is that of FastAPI."""
    assert request(standin, "GET", "/nowhere", scope="read").json() == {"detail": "Not Found"}
