"""Writes the events of one answer as a message, or as the events of a stream.

1. The first event that tells anything begins the message: how far the prompt is read, or else a piece of the answer.
2. A `ping` follows whenever more of the prompt was read, then the blocks.
3. The end closes what is open, then tells why the answer ended and what was counted. After an error nothing follows it.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from tampu.api.anthropic.asking import Asked
from tampu.api.anthropic.blocks import StreamedBlocks, frame, whole_blocks
from tampu.api.anthropic.calls import Block, Calls
from tampu.api.anthropic.errors import MESSAGES, anthropic_error, error_event
from tampu.api.anthropic.usage import written_usage
from tampu.api.dialect import JSON, Reply, dropped_headers
from tampu.api.framing import SSE
from tampu.errors import EngineError, TampuError
from tampu.generation import (
    Finished,
    FinishReason,
    GenerationEvent,
    PromptFitted,
    PromptProgress,
    TextDelta,
    Usage,
)
from tampu.wire import encode

_PING = frame("ping")
_STOP = frame("message_stop")


class MessageWriter:
    """The event writer of one request (see tampu/api/dialect.py)."""

    content_type = SSE

    def __init__(self, asked: Asked) -> None:
        self.streams = asked.request.stream
        self.headers: tuple[tuple[str, str], ...] = (("request-id", asked.request_id),)
        self._asked = asked
        self._id = f"msg_{secrets.token_hex(12)}"
        self._calls = Calls(searches=asked.searches)
        self._blocks = StreamedBlocks(self._calls, shows_thoughts=asked.shows_thoughts)
        self._has_begun = False

    def is_whole(self, _: GenerationEvent) -> bool:
        """Never: whoever asked for a stream gets one."""
        return False

    def chunk(self, event: GenerationEvent) -> bytes:
        """The events that show this one."""
        if type(event) is TextDelta and self._has_begun:
            return self._blocks.show(event)
        match event:
            case PromptFitted(dropped=dropped):
                self.headers += dropped_headers(dropped)
                return b""
            case PromptProgress(total=total, cached=cached):
                return _PING if self._has_begun else self._begin(Usage(total, cached))
            case Finished(usage=usage):
                begun = b"" if self._has_begun else self._begin(Usage(usage.prompt_tokens, usage.cached_tokens))
                return begun + self._blocks.close() + self._ending(event)
            case _:
                shown = self._blocks.show(event)
                return shown if self._has_begun or not shown else self._begin(Usage()) + shown

    def end(self) -> bytes:
        """Nothing: the last event has said it all."""
        return b""

    def whole(self, events: Sequence[GenerationEvent]) -> Reply:
        """The message; raises EngineError where it has no end: none is cut off in silence."""
        last = events[-1] if events else None
        if not isinstance(last, Finished):
            raise EngineError("the answer ended before it was complete; try again")
        for event in events:
            if isinstance(event, PromptFitted):
                self.headers += dropped_headers(event.dropped)
        blocks = whole_blocks(events, self._calls, shows_thoughts=self._asked.shows_thoughts)
        message = {**self._message(blocks), **self._reason(last), "usage": self._usage(last.usage)}
        return Reply(200, encode(message), JSON, self.headers)

    def early_error(self, error: TampuError) -> Reply:
        """The error with its own status."""
        return anthropic_error(error, MESSAGES, self._asked.request_id)

    def late_error(self, error: TampuError) -> bytes:
        """The error as an event."""
        return error_event(error, MESSAGES, self._asked.request_id)

    def _begin(self, usage: Usage) -> bytes:
        self._has_begun = True
        return frame("message_start", message={**self._message([]), "usage": self._usage(usage)})

    def _ending(self, finished: Finished) -> bytes:
        return frame("message_delta", delta=self._reason(finished), usage=self._usage(finished.usage)) + _STOP

    def _message(self, blocks: Sequence[Block]) -> dict[str, Any]:
        model = self._asked.request.model
        return {"id": self._id, "type": "message", "role": "assistant", "model": model, "content": blocks}

    def _usage(self, usage: Usage) -> dict[str, Any]:
        return written_usage(usage, caches=self._asked.caches)

    def _reason(self, finished: Finished) -> Mapping[str, Any]:
        """Why the answer ended; a call that waits for its result is the first reason, as in Ollama."""
        if self._calls.has_called:
            return {"stop_reason": "tool_use"}
        if finished.reason is FinishReason.LENGTH:
            return {"stop_reason": "max_tokens"}
        if finished.stop_sequence and finished.stop_sequence in self._asked.stops:
            return {"stop_reason": "stop_sequence", "stop_sequence": finished.stop_sequence}
        return {"stop_reason": "end_turn"}
