"""Finds tool calls in the text of models whose template shows how they write them. No I/O: feed text, take events.

1. Before the tag: text is answer; what may be the beginning of the tag waits. A bare tag (`{`, `[`) counts only at
   the start of the answer.
2. Behind the tag: nothing is answer until it is clear whether a call comes. Each object, once its braces balance, is
   a call or is not; text around calls is dropped.
3. An object that is no call becomes answer once a call is seen. If none is seen until the end (with a bare tag: until
   the brackets balance), all text from the tag on is the answer.
4. At the end an object that was never closed is a call if its arguments are whole, else answer.
"""

import secrets
import string
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final

from tampu.generation import TextDelta, ToolCallReady
from tampu.messages import Tool, ToolCall, ToolCallFunction
from tampu.parsing.brackets import Brackets
from tampu.parsing.calls import CallReader, FoundCall
from tampu.parsing.stream import split_partial_tag

_BARE_TAGS: Final = frozenset({"{", "["})
_MOST_UNCLOSED: Final = 32
"""Calls that were never closed, looked for at the end of a reply; each look costs its length."""
_ID_LETTERS: Final = string.ascii_lowercase + string.digits

ToolEvent = TextDelta | ToolCallReady


def new_call_id() -> str:
    """A call's id as clients know it from Ollama."""
    return "call_" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8))


class _Place(Enum):
    LOOKING = auto()  # rule 1
    CALLING = auto()  # rules 2 and 3
    ANSWERING = auto()  # all is answer, for good


class ToolCallParser:
    """Invariant: any way of cutting the input into pieces gives the same events, pieces of text joined."""

    def __init__(self, tag: str, tools: Sequence[Tool], *, make_id: Callable[[], str] = new_call_id) -> None:
        self._tag, self._is_bare = tag, tag in _BARE_TAGS
        self._reader, self._make_id = CallReader(tools), make_id
        self._place = _Place.LOOKING
        self._held = ""
        self._brackets = Brackets()
        self._pieces: list[str] = []  # since the last object
        self._all: list[str] = []  # since the tag, while no call was seen
        self._refused: list[str] = []  # objects that are no call, while no call was seen
        self._count = 0

    def feed(self, text: str, *, last: bool = False) -> list[ToolEvent]:
        """The events of the next piece; with `last`, also of all that was held back."""
        events: list[ToolEvent] = []
        if self._place is _Place.LOOKING:
            text = self._look(text, events, last=last)
        if self._place is _Place.CALLING:
            text = self._follow(text, events)
        if self._place is _Place.CALLING and last:
            self._finish(events)
        if self._place is _Place.ANSWERING and text:
            events.append(TextDelta(text))
        return _joined(events)

    # Rule 1.

    def _look(self, text: str, events: list[ToolEvent], *, last: bool) -> str:
        """Look for the tag; what is returned comes behind it (or is answer, if none can come any more)."""
        self._held += text
        if self._is_bare:
            return self._look_at_start(events)
        before, found, rest = self._held.partition(self._tag)
        self._held = ""
        if not found and not last:
            before, self._held = split_partial_tag(before, self._tag)
        events.append(TextDelta(before))
        if not found:
            return ""
        self._place = _Place.CALLING
        self._all.append(self._tag)
        # Brackets of the tag itself stay open, as `[TOOL_CALLS] [` leaves one; they decide nothing with such tags.
        return rest

    def _look_at_start(self, events: list[ToolEvent]) -> str:
        start = self._held.lstrip()
        events.append(TextDelta(self._held[: len(self._held) - len(start)]))
        self._held = ""
        if start:
            self._place = _Place.CALLING if start.startswith(self._tag) else _Place.ANSWERING
        return start

    # Rules 2 and 3.

    def _follow(self, text: str, events: list[ToolEvent]) -> str:
        """Take objects out of the text; what is returned is answer."""
        position = 0
        while True:
            end, is_object = self._brackets.find_end(text, position)
            self._keep(text[position:end])
            if end is None:
                return ""
            position = end
            if is_object:
                self._take_object(events)
            if self._is_bare and not self._count and self._is_balanced():
                self._place = _Place.ANSWERING
                return "".join(self._all) + text[position:]

    def _is_balanced(self) -> bool:
        return not self._brackets.braces and (self._tag == "{" or self._brackets.squares <= 0)

    def _keep(self, text: str) -> None:
        self._pieces.append(text)
        if not self._count:
            self._all.append(text)

    def _take_object(self, events: list[ToolEvent]) -> None:
        segment = "".join(self._pieces)
        self._pieces.clear()
        before, brace, rest = segment.partition("{")
        call = self._reader.read(self._without_tag(before), brace + rest)
        if call is not None:
            self._emit(call, events)
        elif self._count:
            events.append(TextDelta(brace + rest))
        else:
            self._refused.append(brace + rest)

    def _without_tag(self, text: str) -> str:
        return text if self._is_bare else text.replace(self._tag, " ").replace(f"</{self._tag.lstrip('<')}", " ")

    def _emit(self, call: FoundCall, events: list[ToolEvent]) -> None:
        events.extend(TextDelta(text) for text in self._refused)
        self._refused.clear()
        self._all.clear()
        function = ToolCallFunction(name=call.name, arguments=call.arguments, index=self._count)
        events.append(ToolCallReady(ToolCall(function=function, id=self._make_id())))
        self._count += 1

    # Rule 4.

    def _finish(self, events: list[ToolEvent]) -> None:
        rest = "".join(self._pieces)
        is_open = self._brackets.is_in_object
        for _ in range(_MOST_UNCLOSED):
            if not is_open or "{" not in rest:
                break
            before, brace, behind = rest.partition("{")
            call = self._reader.read(self._without_tag(before), brace + behind)
            if call is None:
                break
            self._emit(call, events)
            rest = (brace + behind)[call.end :]
        if not self._count:
            text = "".join(self._all)
            is_tag_alone = not self._is_bare and not text.removeprefix(self._tag).strip()
            events.append(TextDelta("" if is_tag_alone else text))
        elif is_open and "{" in rest:
            events.append(TextDelta(rest[rest.index("{") :]))


def _joined(events: list[ToolEvent]) -> list[ToolEvent]:
    """The events without empty texts, neighbouring texts as one."""
    joined: list[ToolEvent] = []
    for event in events:
        if isinstance(event, TextDelta) and joined and isinstance(joined[-1], TextDelta):
            joined[-1] = TextDelta(joined[-1].text + event.text)
        elif not isinstance(event, TextDelta) or event.text:
            joined.append(event)
    return joined
