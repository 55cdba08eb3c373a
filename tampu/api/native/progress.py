"""Writes the reports of a long job (create, pull, verify) as Ollama does."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from tampu.api.dialect import JSON, Reply
from tampu.api.framing import NDJSON, ndjson
from tampu.api.native.errors import error_body, native_error
from tampu.api.native.members import given
from tampu.api.words import RouteWords
from tampu.errors import TampuError
from tampu.progress import Progress
from tampu.wire import encode as encode_json

EventT = TypeVar("EventT")


def report_members(event: Progress) -> dict[str, Any]:
    """A step of a job as Ollama writes it."""
    return {
        "status": event.status,
        **given(digest=event.digest, total=event.total_bytes, completed=event.completed_bytes),
    }


class ReportWriter(Generic[EventT]):
    """The event writer of one job (see tampu/api/dialect.py). Not streamed, only the last report is answered."""

    content_type = NDJSON
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self, errors: RouteWords, members: Callable[[EventT], dict[str, Any]], *, streams: bool) -> None:
        self.streams = streams
        self._errors, self._members = errors, members

    def is_whole(self, _: EventT) -> bool:
        """A job that streams reports line by line from the first one on."""
        return False

    def chunk(self, event: EventT) -> bytes:
        """One line."""
        return ndjson(encode_json(self._members(event)))

    def end(self) -> bytes:
        """Nothing: the end of the body is the end of the stream."""
        return b""

    def whole(self, events: Sequence[EventT]) -> Reply:
        """The last report."""
        return Reply(200, encode_json(self._members(events[-1]) if events else {}), JSON)

    def early_error(self, error: TampuError) -> Reply:
        """What fails in a job has no charset in its content type."""
        return native_error(error, self._errors, content_type=JSON)

    def late_error(self, error: TampuError) -> bytes:
        """A last line that holds the error alone."""
        return ndjson(error_body(error, self._errors))


def progress_writer(errors: RouteWords, *, streams: bool) -> ReportWriter[Progress]:
    """The writer of a job that tells nothing but steps."""
    return ReportWriter(errors, report_members, streams=streams)
