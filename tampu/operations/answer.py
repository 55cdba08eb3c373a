"""From what the engine writes to the events of an answer: thinking, text, calls of tools, and an end with counts."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import assert_never

from tampu.engine.protocol import EngineEnd, EngineEvent, EngineProgress, EngineText, EngineThinking, EngineToolCalls
from tampu.generation import GenerationEvent, PromptProgress, TextDelta, ThinkingDelta, TokenLogprob, ToolCallReady
from tampu.parsing.reply import OutputParser
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser

_MOST_EQUAL_CHUNKS = 30
"""A model that says the same thing more often than this is stuck, as Ollama has it."""


class AnswerReader:
    """Reads raw text in two steps: thinking first, then the calls of tools in what is left; or with one `parser`.

    Log-probabilities go out with the first event that follows them, so none is lost while a parser holds text back.
    """

    def __init__(
        self,
        *,
        thinking: ThinkingParser | None = None,
        tool_calls: ToolCallParser | None = None,
        parser: OutputParser | None = None,
    ) -> None:
        self._thinking, self._tool_calls, self._parser = thinking, tool_calls, parser
        self._held_logprobs: tuple[TokenLogprob, ...] = ()

    def feed(self, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> list[GenerationEvent]:
        """The events that `text` completes."""
        parses = self._thinking or self._tool_calls or self._parser
        if not parses or not (text or self._held_logprobs):
            return [TextDelta(text, logprobs)]
        return self._with_logprobs(self._parsed(text, last=False), logprobs)

    def end(self) -> list[GenerationEvent]:
        """The events of what is still held back."""
        events = self._with_logprobs(self._parsed("", last=True), ())
        if self._held_logprobs:
            events.append(TextDelta("", self._held_logprobs))
        return events

    def _parsed(self, text: str, *, last: bool) -> list[GenerationEvent]:
        if self._parser:
            return list(self._parser.feed(text, last=last))
        events: list[GenerationEvent] = []
        pieces = self._thinking.feed(text, last=last) if self._thinking else [TextDelta(text)]
        for piece in pieces:
            if self._tool_calls and isinstance(piece, TextDelta):
                events.extend(self._tool_calls.feed(piece.text))
            elif piece.text:
                events.append(piece)
        if last and self._tool_calls:
            events.extend(self._tool_calls.feed("", last=True))
        return events

    def _with_logprobs(
        self, events: list[GenerationEvent], logprobs: tuple[TokenLogprob, ...]
    ) -> list[GenerationEvent]:
        self._held_logprobs += logprobs
        if not self._held_logprobs:
            return events
        for i, event in enumerate(events):
            if isinstance(event, TextDelta | ThinkingDelta):
                events[i] = type(event)(event.text, self._held_logprobs)
                self._held_logprobs = ()
                break
        return events


class RepetitionGuard:
    """Notices a model that has got stuck on one piece of text."""

    def __init__(self) -> None:
        self._piece, self._count = "", 0

    def is_stuck(self, text: str) -> bool:
        """Whether `text` is one repetition too many."""
        if (piece := text.strip()) != self._piece:
            self._piece = piece
            self._count = 0
            return False
        self._count += 1
        return self._count > _MOST_EQUAL_CHUNKS


@dataclass(frozen=True, slots=True)
class Stuck:
    """The end of an answer that went round in circles, after so many tokens."""

    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine's stream whose prompt was taken: its first event, and what follows."""

    first: EngineEvent
    rest: AsyncGenerator[EngineEvent, None]

    @classmethod
    async def of(cls, stream: AsyncGenerator[EngineEvent, None]) -> "Opened":
        """Wait for the first event; raises what the engine refuses the request with, the stream closed."""
        try:
            return cls(await anext(stream), stream)
        except BaseException:
            await stream.aclose()
            raise


async def read_answer(
    opened: Opened, reader: AnswerReader, raw: list[str]
) -> AsyncGenerator[GenerationEvent | EngineEnd | Stuck, None]:
    """The events of one answer, then how it ended. `raw` collects the text as the engine wrote it."""
    guard = RepetitionGuard()
    event = opened.first
    async with aclosing(opened.rest) as rest:
        while not isinstance(event, EngineEnd):
            if isinstance(event, EngineText):
                if guard.is_stuck(event.text):
                    break
                raw.append(event.text)
                for ready in reader.feed(event.text, event.logprobs):
                    yield ready
            else:
                for ready in _told_apart(event, raw):
                    yield ready
            event = await anext(rest)
    for ready in reader.end():
        yield ready
    yield event if isinstance(event, EngineEnd) else Stuck(len(raw))


def _told_apart(event: EngineThinking | EngineToolCalls | EngineProgress, raw: list[str]) -> Sequence[GenerationEvent]:
    """What the engine itself has told apart from text."""
    match event:
        case EngineThinking(text=text, logprobs=logprobs):
            raw.append(text)
            return [ThinkingDelta(text, logprobs)]
        case EngineToolCalls(calls=calls):
            return [ToolCallReady(call) for call in calls]
        case EngineProgress(done=done, total=total, cached=cached):
            return [PromptProgress(done, total, cached)]
        case _:
            assert_never(event)
