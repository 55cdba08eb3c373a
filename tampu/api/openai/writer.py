"""Writes the events of one or several answers as a whole or as server-sent events.

The path of a token is short on purpose: all that is constant in a chunk with text is encoded once for each answer.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tampu.api.dialect import JSON, Reply, dropped_headers
from tampu.api.framing import SSE
from tampu.api.openai.asking import Asked
from tampu.api.openai.envelope import DONE, Envelope, Tally
from tampu.api.openai.errors import late_error, openai_error
from tampu.api.words import RouteWords
from tampu.errors import EngineError, TampuError
from tampu.generation import (
    ChoiceEvent,
    ChoicesEvent,
    Finished,
    GenerationEvent,
    PromptFitted,
    PromptRendered,
    TextDelta,
)

_json = msgspec.json.Encoder().encode


class Choice(Protocol):
    """One answer as its route writes it."""

    has_begun: bool
    """Whether a chunk has been shown: a chunk that is nothing but text is then `text_around` a text."""

    @property
    def text_around(self) -> tuple[bytes, bytes]:
        """What stands before and behind the JSON of a text in a choice that holds nothing else."""
        ...

    def shown(self, event: GenerationEvent) -> Sequence[dict[str, Any]]:
        """What chunks show of the event, a choice each."""
        ...

    def whole(self, events: Sequence[GenerationEvent]) -> dict[str, Any]:
        """The answer in one piece."""
        ...


class AnswersWriter:
    """The event writer of one request (see tampu/api/dialect.py). `tells_prompt`: whether debug answers hold it."""

    content_type = SSE

    def __init__(
        self,
        asked: Asked,
        envelope: Envelope,
        choice: Callable[[int], Choice],
        words: RouteWords,
        *,
        tells_prompt: bool,
    ) -> None:
        self.streams = asked.first.stream
        self.headers: tuple[tuple[str, str], ...] = ()
        self._asked, self._envelope, self._words, self._tells_prompt = asked, envelope, words, tells_prompt
        self._tally = Tally(asked.choices.alternatives)
        count = len(asked.choices.requests) * asked.choices.alternatives
        self._choices = [choice(index) for index in range(count)]
        self._texts = [envelope.around(*each.text_around) for each in self._choices]

    def is_whole(self, _: ChoicesEvent) -> bool:
        """Never: whoever asked for a stream gets one."""
        return False

    def chunk(self, event: ChoicesEvent) -> bytes:
        """The chunks that show the event."""
        index, single = _told_apart(event)
        choice = self._choices[index]
        if type(single) is TextDelta and choice.has_begun and not single.logprobs:
            before, after = self._texts[index]
            return before + _json(single.text) + after if single.text else b""
        self._note(index, single)
        return b"".join(self._envelope.chunk(shown) for shown in choice.shown(single))

    def end(self) -> bytes:
        """The counts where they are asked for, and the word that all is said."""
        if self._asked.first.debug_render_only:
            return b""
        return (self._envelope.usage_chunk(self._tally.written()) if self._asked.includes_usage else b"") + DONE

    def whole(self, events: Sequence[ChoicesEvent]) -> Reply:
        """All answers, each joined."""
        by_choice: defaultdict[int, list[GenerationEvent]] = defaultdict(list)
        for index, single in map(_told_apart, events):
            by_choice[index].append(single)
            self._note(index, single)
        choices = [choice.whole(by_choice[index]) for index, choice in enumerate(self._choices)]
        body = self._envelope.whole(choices, usage=self._tally.written(), **self._prompt_told(by_choice[0]))
        return Reply(200, body, JSON, self.headers)

    def early_error(self, error: TampuError) -> Reply:
        """The error with its own status."""
        return openai_error(error, self._words)

    def late_error(self, error: TampuError) -> bytes:
        """The error as an event."""
        return late_error(error, self._words)

    def _note(self, index: int, event: GenerationEvent) -> None:
        match event:
            case PromptFitted(dropped=dropped):
                self.headers = dropped_headers(dropped)
            case Finished(usage=usage):
                self._tally.add(index, usage)

    def _prompt_told(self, events: Sequence[GenerationEvent]) -> Mapping[str, Any]:
        match events:
            case [PromptRendered(prompt=prompt, image_count=count)] if self._tells_prompt:
                return {"_debug_info": {"rendered_template": prompt, **({"image_count": count} if count else {})}}
            case _:
                return {}


def last_of(events: Sequence[GenerationEvent]) -> Finished | PromptRendered:
    """How the answer ended; raises EngineError where it did not: none is cut off in silence."""
    last = events[-1] if events else None
    if isinstance(last, Finished | PromptRendered):
        return last
    raise EngineError("the answer ended before it was complete; try again")


def _told_apart(event: ChoicesEvent) -> tuple[int, GenerationEvent]:
    return (event.choice, event.event) if isinstance(event, ChoiceEvent) else (0, event)
