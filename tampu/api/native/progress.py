"""Writes the reports of a long job (create, pull) as Ollama does."""

from collections.abc import Sequence
from typing import Any

from tampu.api.dialect import JSON, Reply
from tampu.api.framing import NDJSON, ndjson
from tampu.api.native.errors import RouteErrors, error_body, native_error
from tampu.api.native.members import given
from tampu.errors import TampuError
from tampu.progress import Progress
from tampu.wire import encode as encode_json


class ProgressWriter:
    """The event writer of one job (see tampu/api/dialect.py). Not streamed, only the last report is answered."""

    content_type = NDJSON

    def __init__(self, errors: RouteErrors, *, streams: bool) -> None:
        self.streams = streams
        self._errors = errors

    def is_whole(self, _: Progress) -> bool:
        """A job that streams reports line by line from the first one on."""
        return False

    def chunk(self, event: Progress) -> bytes:
        """One line."""
        return ndjson(encode_json(_report(event)))

    def end(self) -> bytes:
        """Nothing: the end of the body is the end of the stream."""
        return b""

    def whole(self, events: Sequence[Progress]) -> Reply:
        """The last report."""
        return Reply(200, encode_json(_report(events[-1]) if events else {}), JSON)

    def early_error(self, error: TampuError) -> Reply:
        """What fails in a job has no charset in its content type."""
        return native_error(error, self._errors, content_type=JSON)

    def late_error(self, error: TampuError) -> bytes:
        """A last line that holds the error alone."""
        return ndjson(error_body(error, self._errors))


def _report(event: Progress) -> dict[str, Any]:
    return {
        "status": event.status,
        **given(digest=event.digest, total=event.total_bytes, completed=event.completed_bytes),
    }
