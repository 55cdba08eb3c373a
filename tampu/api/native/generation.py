"""Writes generation events as Ollama's chunks. What differs between generate and chat is a `Layout`.

The path of a token is short on purpose: all that is constant in a chunk is encoded once for each request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec

from tampu.api.dialect import JSON, JSON_UTF8, Reply, dropped_headers
from tampu.api.framing import NDJSON, ndjson
from tampu.api.native.errors import error_body, native_error
from tampu.api.native.members import given
from tampu.api.native.stamps import Clock
from tampu.api.words import RouteWords
from tampu.errors import (
    EngineCrashed,
    EngineError,
    EngineRefused,
    InvalidOutputFormat,
    MissingCapability,
    PromptTooLong,
    TampuError,
)
from tampu.generation import (
    Capability,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    PromptFitted,
    PromptProgress,
    PromptRendered,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallReady,
)
from tampu.messages import ToolCall

_json = msgspec.json.Encoder().encode
_OF_THE_ENGINE = frozenset({Capability.VISION.value, Capability.AUDIO.value})
"""What Ollama finds a model to lack only when its engine says so, in the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one chunk shows."""

    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a route puts things in a chunk.

    A chunk with nothing but text is `text_before`, the text as JSON, `text_after`. `members` gives the fields before
    "done", `late_members` those behind it; `rendered` is what `members` is in the answer of a debug request.
    """

    text_before: bytes
    text_after: bytes
    members: Callable[[Piece], dict[str, Any]]
    late_members: Callable[[Piece], dict[str, Any]]
    rendered: dict[str, Any]
    errors: RouteWords


class GenerationWriter:
    """The event writer of one request (see tampu/api/dialect.py)."""

    content_type = NDJSON

    def __init__(self, request: GenerationRequest, layout: Layout) -> None:
        self.streams = request.stream
        self.headers: tuple[tuple[str, str], ...] = ()
        self._model, self._layout = request.model, layout
        self._clock = Clock()
        # A chunk of text: these with the moment and the text between them.
        self._before_moment = b'{"model":%b,"created_at":"' % _json(request.model)
        self._before_text = b'",' + layout.text_before
        self._after_text = layout.text_after + b',"done":false}\n'

    def is_whole(self, first: GenerationEvent) -> bool:
        """Loads, unloads and rendered prompts are one object whatever `stream` says."""
        match first:
            case PromptRendered():
                return True
            case Finished(reason=FinishReason.LOAD | FinishReason.UNLOAD):
                return True
            case _:
                return False

    def chunk(self, event: GenerationEvent) -> bytes:
        """One line for each event that shows something."""
        if type(event) is TextDelta and event.text and not event.logprobs:
            moment, written = self._clock.now(), _json(event.text)
            return b"".join((self._before_moment, moment, self._before_text, written, self._after_text))
        shown = b""
        match event:
            case TextDelta(text=text, logprobs=logprobs):
                shown = self._object(Piece(text=text, logprobs=logprobs)) if text or logprobs else b""
            case ThinkingDelta(text=text, logprobs=logprobs):
                shown = self._object(Piece(thinking=text, logprobs=logprobs)) if text or logprobs else b""
            case ToolCallReady(call=call):
                shown = self._object(Piece(calls=(call,)))
            case Finished():
                shown = self._object(Piece(), event)
            case PromptProgress():
                shown = self._progress(event)
            case PromptRendered():
                shown = self._rendered(event)
            case PromptFitted(dropped=dropped):
                self.headers = dropped_headers(dropped)
            case _:
                assert_never(event)
        return ndjson(shown) if shown else b""

    def end(self) -> bytes:
        """Nothing: the end of the body is the end of the stream."""
        return b""

    def whole(self, events: Sequence[GenerationEvent]) -> Reply:
        """All events as one object; the joined texts and lists, and the last event's counts."""
        last = events[-1] if events else None
        if isinstance(last, PromptRendered):
            return Reply(200, self._rendered(last), JSON_UTF8)
        if not isinstance(last, Finished):
            # Never cut an answer off in silence.
            raise EngineError("the answer ended before it was complete; try again")
        return Reply(200, self._object(joined(events), last), JSON_UTF8, dropped_headers(last.dropped))

    def early_error(self, error: TampuError) -> Reply:
        """What fails while a stream generates has no charset in its content type; what fails before it has one."""
        lacks_eyes = isinstance(error, MissingCapability) and error.capability in _OF_THE_ENGINE
        generating = lacks_eyes or isinstance(
            error, EngineRefused | EngineCrashed | PromptTooLong | InvalidOutputFormat
        )
        return native_error(error, self._layout.errors, content_type=JSON if self.streams and generating else JSON_UTF8)

    def late_error(self, error: TampuError) -> bytes:
        """A last line that holds the error alone."""
        return ndjson(error_body(error, self._layout.errors))

    def _object(self, piece: Piece, finished: Finished | None = None) -> bytes:
        return _json(
            {
                **self._opening(),
                **self._layout.members(piece),
                "done": finished is not None,
                **(_ending(finished) if finished else {}),
                **self._layout.late_members(piece),
                **({"logprobs": [_logprob(entry) for entry in piece.logprobs]} if piece.logprobs else {}),
            }
        )

    def _progress(self, event: PromptProgress) -> bytes:
        """Ours: only where the request asks for it."""
        told = {"prompt_tokens": event.total, "processed": event.done, "cached": event.cached}
        return _json({**self._opening(), **self._layout.members(Piece()), "done": False, "progress": told})

    def _rendered(self, event: PromptRendered) -> bytes:
        info = {"rendered_template": event.prompt, **given(image_count=event.image_count)}
        return _json({**self._opening(), **self._layout.rendered, "done": False, "_debug_info": info})

    def _opening(self) -> dict[str, str]:
        return {"model": self._model, "created_at": self._clock.now().decode()}


def joined(events: Sequence[GenerationEvent]) -> Piece:
    """What all `events` show together."""
    texts = [event for event in events if isinstance(event, TextDelta)]
    thoughts = [event for event in events if isinstance(event, ThinkingDelta)]
    return Piece(
        text="".join(event.text for event in texts),
        thinking="".join(event.text for event in thoughts),
        calls=tuple(event.call for event in events if isinstance(event, ToolCallReady)),
        logprobs=tuple(
            entry for event in events if isinstance(event, TextDelta | ThinkingDelta) for entry in event.logprobs
        ),
    )


def written_call(call: ToolCall) -> dict[str, Any]:
    """A call as both routes write it, but for its id."""
    function = call.function
    return {"function": {"index": function.index, "name": function.name, "arguments": function.arguments}}


def _ending(finished: Finished) -> dict[str, Any]:
    if finished.reason in {FinishReason.LOAD, FinishReason.UNLOAD}:
        return {"done_reason": finished.reason}
    usage, timings, dropped = finished.usage, finished.timings, finished.dropped
    return {
        "done_reason": finished.reason,
        **given(
            context=finished.context,
            total_duration=timings.total_ns,
            load_duration=timings.load_ns,
            prompt_eval_count=usage.prompt_tokens,
            prompt_eval_duration=timings.prompt_ns,
            eval_count=usage.completion_tokens,
            eval_duration=timings.completion_ns,
        ),
        # Ours: only where something of the prompt was left out.
        **given(dropped={"messages": dropped.messages, "tokens": dropped.tokens} if dropped else None),
    }


def _logprob(entry: TokenLogprob) -> dict[str, Any]:
    return {
        "token": entry.token,
        "logprob": entry.logprob,
        **given(bytes=entry.bytes or tuple(entry.token.encode()), top_logprobs=[_logprob(top) for top in entry.top]),
    }
