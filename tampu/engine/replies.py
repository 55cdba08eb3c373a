"""What comes back from an engine: its events turned into ours, and its errors into our tree. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec import structs

from tampu.engine.protocol import (
    EngineCompletion,
    EngineEnd,
    EngineEvent,
    EngineProgress,
    EngineText,
    EngineThinking,
    EngineToolCalls,
    StopKind,
)
from tampu.errors import BadRequest, EngineRefused, PromptTooLong, TampuError
from tampu.generation import TokenLogprob
from tampu.messages import ToolCall, ToolCallFunction

_NO_CHANCE: Final = -9999.0
"""The logarithm that stands for no chance at all: JSON has no infinity."""
_STOPS: Final = {"eos": StopKind.END, "word": StopKind.WORD, "limit": StopKind.LIMIT}
_FINISHES: Final = {"length": StopKind.LIMIT}
_DEAD_END: Final = "Unexpected empty grammar stack"
_BATCH_EXCEEDED: Final = re.compile(r"input \((\d+) tokens\) is too large.*current batch size: (\d+)")


class _Probability(msgspec.Struct):
    token: str = ""
    logprob: float | None = None
    top_logprobs: list["_Probability"] = []


class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_n: int = 0
    prompt_ms: float = 0.0
    predicted_n: int = 0
    predicted_ms: float = 0.0
    draft_n: int = 0
    draft_n_accepted: int = 0


class _Progress(msgspec.Struct):
    total: int = 0
    cache: int = 0
    processed: int = 0


class _CompletionChunk(msgspec.Struct, gc=False):
    content: str = ""
    stop: bool = False
    completion_probabilities: tuple[_Probability, ...] = ()
    stop_type: str = "none"
    stopping_word: str = ""
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    timings: _Timings | None = None
    prompt_progress: _Progress | None = None
    error: Any = None


class _FunctionDelta(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCallDelta(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _FunctionDelta | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCallDelta] | None = None


class _ChoiceLogprobs(msgspec.Struct):
    content: list[_Probability] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: _ChoiceLogprobs | None = None


class _ChatChunk(msgspec.Struct, gc=False):
    choices: tuple[_Choice, ...] = ()
    timings: _Timings | None = None
    prompt_progress: _Progress | None = None
    error: Any = None


class _ErrorDetail(msgspec.Struct):
    code: int = 500
    message: str = ""
    type: str = ""
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None


class _ErrorBody(msgspec.Struct):
    error: _ErrorDetail


_Chunk = TypeVar("_Chunk")


class UnreadableReply(ValueError):
    """The engine sent what no engine sends."""


_completion_chunk = msgspec.json.Decoder(_CompletionChunk)
_chat_chunk = msgspec.json.Decoder(_ChatChunk)
_error_body = msgspec.json.Decoder(_ErrorBody)


class ReplyReader(Protocol):
    """Turns the data of an engine's events into ours; `end` is there once it was among them."""

    end: EngineEnd | None
    is_plain: bool
    """Whether an event of text means its text alone, and needs no reading by this."""

    def read(self, data: bytes) -> list[EngineEvent]:
        """Our events for one of the engine's; raises EngineRefused, PromptTooLong, UnreadableReply."""
        ...


class CompletionReader:
    """Reads the stream of a completion.

    Probabilities of tokens without text wait for the text that follows; those behind the last text belong to the end
    token, or to a stop word, and go with it.
    """

    def __init__(self, *, alternatives: int | None, is_muted: bool) -> None:
        self._alternatives, self._is_muted = alternatives, is_muted
        self._waiting: tuple[TokenLogprob, ...] = ()
        self.is_plain = alternatives is None and not is_muted
        self.end: EngineEnd | None = None

    @classmethod
    def of(cls, request: EngineCompletion) -> "CompletionReader":
        """A reader for the answer to `request`. Engines generate a token even where none is wanted."""
        return cls(alternatives=request.logprobs, is_muted=request.sampling.num_predict == 0)

    def read(self, data: bytes) -> list[EngineEvent]:
        chunk = _decoded(_completion_chunk, data)
        if chunk is None:
            return []
        if chunk.error is not None:
            raise refusal_in_stream(data)
        if chunk.content and not (chunk.stop or chunk.completion_probabilities or self._waiting or self._is_muted):
            return [EngineText(chunk.content)]
        return self._read_more(chunk)

    def _read_more(self, chunk: _CompletionChunk) -> list[EngineEvent]:
        """The events of a chunk that is not simply text."""
        events = _progress(chunk.prompt_progress)
        self._waiting += _logprobs(chunk.completion_probabilities, self._alternatives)
        if chunk.content and not self._is_muted:
            events.append(EngineText(chunk.content, self._waiting))
            self._waiting = ()
        if chunk.stop:
            self.end = self._ended(chunk)
            events.append(self.end)
        return events

    def _ended(self, chunk: _CompletionChunk) -> EngineEnd:
        timings = chunk.timings or _Timings()
        return EngineEnd(
            stop=StopKind.LIMIT if self._is_muted else _STOPS.get(chunk.stop_type, StopKind.END),
            prompt_tokens=chunk.tokens_evaluated,
            cached_tokens=timings.cache_n,
            completion_tokens=0 if self._is_muted else chunk.tokens_predicted,
            prompt_ms=timings.prompt_ms,
            completion_ms=0.0 if self._is_muted else timings.predicted_ms,
            drafted_tokens=timings.draft_n,
            accepted_tokens=timings.draft_n_accepted,
            stop_word=chunk.stopping_word,
        )


class ChatReader:
    """Reads the stream of a chat; the calls of tools come in pieces and leave whole, before the end."""

    is_plain = False

    def __init__(self, *, alternatives: int | None, is_muted: bool) -> None:
        self._alternatives, self._is_muted = alternatives, is_muted
        self._calls: dict[int, _PartialCall] = {}
        self._finish: str | None = None
        self.end: EngineEnd | None = None

    def read(self, data: bytes) -> list[EngineEvent]:
        chunk = _decoded(_chat_chunk, data)
        if chunk is None:
            return self._finished(_Timings()) if self._finish is not None else []
        if chunk.error is not None:
            raise refusal_in_stream(data)
        events = _progress(chunk.prompt_progress)
        for choice in chunk.choices:
            self._finish = choice.finish_reason or self._finish
            if not self._is_muted:
                events += self._deltas(choice)
        if self._finish is not None and chunk.timings is not None:
            events += self._finished(chunk.timings)
        return events

    def _deltas(self, choice: _Choice) -> list[EngineEvent]:
        delta = choice.delta
        if delta is None:
            return []
        for part in delta.tool_calls or ():
            self._calls.setdefault(part.index, _PartialCall()).add(part)
        logprobs: tuple[TokenLogprob, ...] = ()
        if choice.logprobs is not None:
            logprobs = _logprobs(choice.logprobs.content or (), self._alternatives)
        events: list[EngineEvent] = []
        if delta.reasoning_content:
            events.append(EngineThinking(delta.reasoning_content, () if delta.content else logprobs))
        if delta.content or (logprobs and not events):
            events.append(EngineText(delta.content or "", logprobs))
        return events

    def _finished(self, timings: _Timings) -> list[EngineEvent]:
        if self.end is not None:
            return []
        calls = [call.whole() for _, call in sorted(self._calls.items())]
        sound = tuple(_at(i, call) for i, call in enumerate(call for call in calls if isinstance(call, ToolCall)))
        events: list[EngineEvent] = [EngineText(call) for call in calls if isinstance(call, str)]
        if sound:
            events.append(EngineToolCalls(sound))
        stop = _FINISHES.get(self._finish or "", StopKind.END)
        self.end = EngineEnd(
            stop=StopKind.LIMIT if self._is_muted else stop,
            prompt_tokens=timings.cache_n + timings.prompt_n,
            cached_tokens=timings.cache_n,
            completion_tokens=0 if self._is_muted else timings.predicted_n,
            prompt_ms=timings.prompt_ms,
            completion_ms=0.0 if self._is_muted else timings.predicted_ms,
            drafted_tokens=timings.draft_n,
            accepted_tokens=timings.draft_n_accepted,
        )
        return [*events, self.end]


class _PartialCall:
    """A call of a tool of which pieces have come."""

    def __init__(self) -> None:
        self._id = self._name = self._arguments = ""

    def add(self, part: _ToolCallDelta) -> None:
        self._id = part.id or self._id
        if part.function is not None:
            self._name += part.function.name or ""
            self._arguments += part.function.arguments or ""

    def whole(self) -> ToolCall | str:
        """The call; its text where the arguments are no JSON object, for nothing that was said gets lost."""
        try:
            arguments = msgspec.json.decode(self._arguments or "{}")
        except msgspec.DecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            return f'{{"name": "{self._name}", "arguments": {self._arguments}}}'
        return ToolCall(ToolCallFunction(self._name, arguments), self._id)


def _at(index: int, call: ToolCall) -> ToolCall:
    return structs.replace(call, function=structs.replace(call.function, index=index))


def refusal(status: int, text: str) -> TampuError:
    """What an engine's error answer means. Its whole text is kept where it is for the caller: so do clients know it."""
    text = text.strip()
    try:
        detail = _error_body.decode(text).error
    except msgspec.DecodeError:
        return EngineRefused(status, text or f"the engine answered with status {status}")
    if detail.type == "exceed_context_size_error":
        return PromptTooLong(text, tokens=detail.n_prompt_tokens, limit=detail.n_ctx)
    for start, in_our_words in _IN_OUR_WORDS.items():
        if detail.message.startswith(start):
            return in_our_words()
    if _DEAD_END in detail.message:
        return schema_refusal(["no answer satisfies the schema"], is_chat=True)
    exceeded = _BATCH_EXCEEDED.search(detail.message)
    if exceeded is not None:
        return PromptTooLong(text, tokens=int(exceeded[1]), limit=int(exceeded[2]))
    return EngineRefused(status, text)


_IN_OUR_WORDS: Final[Mapping[str, Callable[[], TampuError]]] = {
    "Pooling type 'none'": lambda: EngineRefused(
        501, "this model makes no embeddings; ask a model that is made for them"
    ),
    "Failed to load image": lambda: BadRequest(
        "an image or sound cannot be decoded: it is damaged, or of a form that the engine cannot read"
    ),
}
"""How a message begins, and what we say."""


def refusal_in_stream(data: bytes) -> TampuError:
    """What an error among the events of a stream means."""
    text = data.decode("utf-8", "replace")
    try:
        status = _error_body.decode(data).error.code
    except msgspec.DecodeError:
        status = 500
    return refusal(status if 400 <= status <= 599 else 500, text)


def schema_refusal(problems: Iterable[str], *, is_chat: bool) -> EngineRefused:
    """The answer of an engine that cannot follow a schema, in the words in which clients know it."""
    place = (
        "Unable to generate parser for this template. Automatic parser generation failed: "
        if is_chat
        else "Field 'json_schema': \"json_schema\": "
    )
    message = f"{place}JSON schema conversion failed:\n" + "\n".join(problems)
    detail = {"code": 400, "message": message, "type": "invalid_request_error"}
    return EngineRefused(400, msgspec.json.encode({"error": detail}).decode())


def _decoded(decoder: "msgspec.json.Decoder[_Chunk]", data: bytes) -> _Chunk | None:
    """A chunk; None for the mark that ends a stream. Bytes that are no UTF-8 become U+FFFD."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = data.decode("utf-8", "replace")
    if text.strip() == "[DONE]":
        return None
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UnreadableReply(f"the engine sent what cannot be read: {error}") from None


def _progress(told: _Progress | None) -> list[EngineEvent]:
    return [] if told is None else [EngineProgress(told.processed, told.total, told.cache)]


def _logprobs(found: Sequence[_Probability], alternatives: int | None) -> tuple[TokenLogprob, ...]:
    if alternatives is None or not found:
        return ()
    return tuple(_logprob(item, tuple(_logprob(other) for other in item.top_logprobs[:alternatives])) for item in found)


def _logprob(item: _Probability, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    logprob = _NO_CHANCE if item.logprob is None else item.logprob
    return TokenLogprob(item.token, logprob, tuple(item.token.encode("utf-8", "replace")), top)
