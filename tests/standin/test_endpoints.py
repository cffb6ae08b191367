"""Endpoints that the vendor's SDK does not cover: markers and previews."""

from collections.abc import Iterator

import httpx
import pytest

from infra.standin import StandIn

MARKER = {"target_type": "run", "target_id": "run_1", "color": "red"}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in without events."""
    with StandIn() as running:
        yield running


def test_markers_are_listed_deleted_and_protected(standin: StandIn) -> None:
    """PUT replaces the marker of a target, GET returns an array, DELETE needs admin."""
    url = standin.api_url + "/markers"
    read, write, admin = (
        {"X-API-Key": standin.keys[scope]} for scope in ("read", "write", "admin")
    )
    first, second = (httpx.put(url, json=MARKER, headers=write).json() for _ in range(2))

    assert first["marker_id"] == second["marker_id"]
    assert [second] == httpx.get(url, headers=read).json()
    assert httpx.put(url, json=MARKER, headers=read).status_code == 403
    assert httpx.put(url, json={**MARKER, "target_type": "x"}, headers=write).status_code == 422
    marker_url = f"{url}/{second['marker_id']}"
    assert [
        httpx.delete(marker_url, headers=headers).status_code for headers in (write, admin, admin)
    ] == [403, 204, 404]


def test_previews_are_images(standin: StandIn) -> None:
    """GIF and thumbnail have their content types; an unknown id is 404."""
    headers = {"X-API-Key": standin.keys["read"]}
    url = standin.api_url
    page = httpx.get(url + "/playground/videos", headers=headers).json()["data"]
    body = {"video_ids": [page[0]["video_id"]]}
    (video,) = httpx.post(url + "/videos/batch/segments", json=body, headers=headers).json()
    segment_id = video["segments"][0]["segment_id"]

    gif = httpx.get(f"{url}/videos/{page[0]['video_id']}/gif", headers=headers)
    jpeg = httpx.get(f"{url}/videos/segments/{segment_id}/thumbnail", headers=headers)

    assert (gif.headers["content-type"], gif.content[:6]) == ("image/gif", b"GIF89a")
    assert (jpeg.headers["content-type"], jpeg.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert httpx.get(url + "/videos/vid_none/gif", headers=headers).status_code == 404
    assert httpx.get(url + "/nowhere", headers=headers).json() == {"detail": "Not Found"}
