"""Writes the events of one response, as a whole or as server-sent events with sequence numbers.

1. `response.created` and `response.in_progress` come before all else, once it is sure that an answer begins.
2. Every event has the number after the last one's.
3. The last event is `response.completed` or `response.incomplete`. Where the answer fails, it is `response.failed`, and
   behind it `error`, on which SDKs raise.

The path of a text's piece is short on purpose: all that is constant about it is encoded once for each message.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tampu.api.dialect import JSON, Reply, dropped_headers
from tampu.api.framing import SSE, sse
from tampu.api.openai.responses.asked import Asked
from tampu.api.openai.responses.document import Outcome, written
from tampu.api.openai.responses.errors import failure, response_error
from tampu.api.openai.responses.output import COMPLETED, IN_PROGRESS, INCOMPLETE
from tampu.errors import EngineError, TampuError
from tampu.generation import FinishReason, PromptFitted, PromptProgress, TextDelta
from tampu.responses import Keeping, ResponseEnded, ResponseEvent

_json = msgspec.json.Encoder().encode
_NO_CACHE = ("cache-control", "no-cache")


class ResponseWriter:
    """The event writer of one request (see tampu/api/dialect.py)."""

    content_type = SSE

    def __init__(self, asked: Asked) -> None:
        self.streams = asked.generation.stream
        self.headers: tuple[tuple[str, str], ...] = (_NO_CACHE,) if self.streams else ()
        self._asked, self._output = asked, asked.output()
        self._number = 0
        self._text: tuple[bytes, bytes] | None = None
        """What stands around a text in the open message, and around the number of its event."""

    def is_whole(self, _: ResponseEvent) -> bool:
        """Never: whoever asked for a stream gets one."""
        return False

    def chunk(self, event: ResponseEvent) -> bytes:
        """The events that show this one."""
        if type(event) is TextDelta and self._text is not None and not event.logprobs:
            return self._more_text(event.text)
        match event:
            case PromptFitted(dropped=dropped):
                self.headers = (*self.headers, *dropped_headers(dropped))
                return b""
            case PromptProgress():
                return b""
            case ResponseEnded():
                return self._begun() + self._ended(event)
            case _:
                shown = self._begun() + self._events(self._output.take(event))
                self._text = self._around_text()
                return shown

    def end(self) -> bytes:
        """Nothing: the last event says that it is the last."""
        return b""

    def whole(self, events: Sequence[ResponseEvent]) -> Reply:
        """The response; raises EngineError where it did not end: none is cut off in silence."""
        last = events[-1] if events else None
        if not isinstance(last, ResponseEnded):
            raise EngineError("the answer ended before it was complete; try again")
        dropped = next((event.dropped for event in events if isinstance(event, PromptFitted)), None)
        return Reply(200, last.document, JSON, () if dropped is None else dropped_headers(dropped))

    def early_error(self, error: TampuError) -> Reply:
        """The error with its own status."""
        return response_error(error)

    def late_error(self, error: TampuError) -> bytes:
        """The response as it failed, then the error."""
        told = failure(error)
        failed = Outcome("failed", output=self._output.items, error=told)
        event = {**told, "param": None, "error": {**told, "type": "api_error", "param": None}}
        return self._lifecycle("failed", failed) + self._event("error", event)

    def _begun(self) -> bytes:
        if self._number:
            return b""
        outcome = Outcome(IN_PROGRESS)
        return self._lifecycle("created", outcome) + self._lifecycle("in_progress", outcome)

    def _more_text(self, text: str) -> bytes:
        """The commonest event, as `_events` would write it."""
        growing = self._output.open
        if growing is None or self._text is None or not text:
            return b""
        growing.texts.append(text)
        number, self._number = self._number, self._number + 1
        before, behind = self._text
        return before + _json(text) + behind % number

    def _around_text(self) -> tuple[bytes, bytes] | None:
        growing = self._output.open
        if growing is None or growing.is_thought:
            return None
        kind = "response.output_text.delta"
        place = {"item_id": growing.id, "output_index": growing.index, "content_index": 0, "logprobs": []}
        constant = _json({"type": kind, **place}).removesuffix(b"}")
        before = b"event: %b\ndata: %b" % (kind.encode(), constant) + b',"delta":'
        return before, b',"sequence_number":%d}\n\n'

    def _ended(self, end: ResponseEnded) -> bytes:
        status = INCOMPLETE if end.reason is FinishReason.LENGTH else COMPLETED
        closing = self._events(self._output.close(status=status))
        return closing + self._event(f"response.{status}", {"response": msgspec.Raw(end.document)})

    def _lifecycle(self, name: str, outcome: Outcome) -> bytes:
        is_stored = self._asked.keeping is Keeping.LONG
        document = written(self._asked.echo, outcome, is_stored=is_stored)
        return self._event(f"response.{name}", {"response": msgspec.Raw(document)})

    def _events(self, changes: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
        return b"".join(self._event(f"response.{name}", payload) for name, payload in changes)

    def _event(self, kind: str, payload: Mapping[str, Any]) -> bytes:
        number, self._number = self._number, self._number + 1
        return sse(_json({"type": kind, **payload, "sequence_number": number}), event=kind)
