"""From what the engine writes to the events of an answer: thinking, text, calls of tools, and an end with counts."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from tampu.audience import Audience, Telling
from tampu.engine.protocol import EngineEnd, EngineEvent, EngineProgress, EngineToolCalls
from tampu.generation import (
    Dropped,
    GenerationEvent,
    PromptFitted,
    PromptProgress,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallReady,
)
from tampu.parsing.reply import OutputParser
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser

_MOST_EQUAL_CHUNKS = 30
"""A model that says the same thing more often than this is stuck, as Ollama has it."""
_BLOCK = 16
"""Half of the shortest run of equal pieces that is too long."""


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

    @property
    def is_plain(self) -> bool:
        """Whether text is text, nothing else."""
        return not (self._thinking or self._tool_calls or self._parser)

    def feed(self, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> list[GenerationEvent]:
        """The events that `text` completes."""
        if self.is_plain or not (text or self._held_logprobs):
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


def repetitions(said: Sequence[str], piece: str) -> int:
    """How often `piece` was said without a break until now; not counted further than it takes to be stuck."""
    piece = piece.strip()
    latest = itertools.islice(reversed(said), _MOST_EQUAL_CHUNKS + 1)
    return sum(1 for _ in itertools.takewhile(lambda text: text.strip() == piece, latest))


@dataclass(frozen=True, slots=True)
class Stuck:
    """The end of an answer that went round in circles, after so many tokens."""

    completion_tokens: int


@dataclass(slots=True)
class Said:
    """What an engine has said so far, as it wrote it.

    `has_begun`: from its first word on, which another engine would say otherwise. How far it has read the prompt may be
    told anew. `has_fitted`: what was left out of the prompt is told.
    """

    raw: list[str] = field(default_factory=list)
    has_begun: bool = False
    has_fitted: bool = False

    def forget(self) -> None:
        """Nothing was said: it begins anew."""
        self.raw.clear()
        self.has_begun = self.has_fitted = False


async def read_answer(
    answer: Telling[EngineEvent],
    reader: AnswerReader,
    said: Said,
    audience: Audience[GenerationEvent],
    *,
    dropped: Dropped,
) -> EngineEnd | Stuck:
    """Tell the events of one answer, before them what was left out of its prompt; how it ended."""
    listener = _Listener(reader, said, audience.tell, dropped)
    try:
        await answer.tell(Audience(listener.take, audience.pace))
    except _GoesRound:
        listener.end = Stuck(len(said.raw))
    for ready in reader.end():
        audience.tell(ready)
    assert listener.end is not None, "an engine's answer has an end"  # noqa: S101  # a mistake of ours alone
    return listener.end


class _GoesRound(Exception):
    """The model is stuck."""


class _Listener:
    """Turns what an engine tells into what the caller hears. The way of plain text is short: it is that of a token."""

    def __init__(
        self, reader: AnswerReader, said: Said, tell: Callable[[GenerationEvent], None], dropped: Dropped
    ) -> None:
        self._said, self._raw, self._tell, self._dropped = said, said.raw, tell, dropped
        self._feed = None if reader.is_plain else reader.feed
        self._next_look = 0
        self.end: EngineEnd | Stuck | None = None

    def take(self, event: EngineEvent) -> None:
        """Tell what `event` completes."""
        if not isinstance(event, TextDelta):
            self._take_other(event)
            return
        # Named first: a call of an attribute would look for a method each time.
        raw, tell, feed = self._raw, self._tell, self._feed
        if len(raw) >= self._next_look:
            self._look_back(event.text)
        if not raw:
            self._begin()
        raw.append(event.text)
        if feed is None:
            tell(event)
            return
        for ready in feed(event.text, event.logprobs):
            tell(ready)

    def _look_back(self, text: str) -> None:
        """Raise _GoesRound where `text` is one repetition too many.

        To look once in a block is enough, as long as a block is not all the same: a run that is too long has one in it.
        """
        repeated = repetitions(self._raw, text)
        if repeated > _MOST_EQUAL_CHUNKS:
            raise _GoesRound
        self._next_look = len(self._raw) + (1 if repeated >= _BLOCK - 1 else _BLOCK)

    def _take_other(self, event: ThinkingDelta | EngineToolCalls | EngineProgress | EngineEnd) -> None:
        """Tell what the engine itself has told apart from text."""
        if isinstance(event, EngineProgress):
            self._tell_fit()
            self._tell(PromptProgress(event.done, event.total, event.cached))
            return
        self._begin()
        match event:
            case ThinkingDelta(text=text):
                self._raw.append(text)
                self._tell(event)
            case EngineToolCalls(calls=calls):
                for call in calls:
                    self._tell(ToolCallReady(call))
            case EngineEnd():
                self.end = event
            case _:
                assert_never(event)

    def _begin(self) -> None:
        self._said.has_begun = True
        self._tell_fit()

    def _tell_fit(self) -> None:
        if self._dropped and not self._said.has_fitted:
            self._said.has_fitted = True
            self._tell(PromptFitted(self._dropped))
