"""Assert that an error of the API client shows no secret."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tests.support.api_client import KEY
from videovector_bridge import api

SIGNED_URL = "https://storage.googleapis.com/b/o?X-Goog-Signature=deadbeefcafe"

_API_FOLDER = Path(api.__file__).parent


def assert_no_secret(error: BaseException) -> None:
    """Assert that neither text, chain nor any local of the client's frames has a key or URL."""
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    shown += "".join(repr(frame.tb_frame.f_locals) for frame in _frames(error.__traceback__))

    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in shown
    assert "deadbeef" not in shown


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the frames of a traceback that are in the client's modules."""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).is_relative_to(_API_FOLDER):
            yield trace
        trace = trace.tb_next
