"""The script of faults."""

from infra.standin.faults import Fault, FaultScript


def test_a_fault_applies_only_to_requests_that_contain_its_text() -> None:
    """The text is in the path or the body. Other requests take the next fault that applies."""
    script = FaultScript()
    one = Fault(on="POST /videos/*", kind="status", status=422, containing="vid_1", times=2)
    script.add([one, Fault(on="POST *", kind="delay")])
    route = "POST /videos/batch"

    assert script.needs_content(route)
    assert not script.needs_content("GET /markers")
    assert script.take(route, "/videos/vid_1", "") == one
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_2"]}') == Fault(
        on="POST *", kind="delay"
    )
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_2"]}') is None
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_1"]}') == one
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_1"]}') is None
