"""Follows a reply from place to place: each tag that ends a place leads to the next one. No I/O.

A family is a table of places, the place to start at, and a reader of its calls.

1. In a place for thinking or text, what is sure goes out at once. Blanks wait: they are dropped in front of a tag, and
   at the end, where the place says so.
2. In a place for calls all is kept until the tag that closes it; then the reader makes calls of it.
   A tag that leads from one place for calls to another belongs to the call.
   A header is kept likewise; where its end leads is for `route` to say, and what of one without an end is text for
   `open_header`.
3. A call that cannot be read does not fail the reply: it goes out as text, tags and all, and the log says why.
4. A place may be a fork: the tags count at its start only, and anything else leads to another place.
5. At the end nothing is lost: the beginning of a tag is text like any other, and an open call may be whole but for
   its tag, which is for its reader to say, or for the reader of open calls where the family has one; else rule 3 holds.
   Only a tag with nothing behind it is no text.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property

from tampu.generation import TextDelta, ThinkingDelta, ToolCallReady
from tampu.messages import ToolCall, ToolCallFunction
from tampu.parsing.brackets import Brackets
from tampu.parsing.formats.tags import BLANKS, Tags
from tampu.parsing.halves import without_halves
from tampu.parsing.reply import ReplyEvent
from tampu.parsing.tool_calls import new_call_id

_log = logging.getLogger(__name__)


class MalformedCall(Exception):
    """What a model wrote as a call is none; the text says why."""


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call as its text tells it. `rest`: what stands behind a call without an end, and is none of it."""

    name: str
    arguments: dict[str, object]
    rest: str = ""


ReadCalls = Callable[[str], Sequence[ReadCall]]
"""The calls in the text between the tags; raises MalformedCall."""


class Sink(Enum):
    """What text in a place is."""

    TEXT = auto()
    THINKING = auto()
    CALL = auto()
    HEADER = auto()  # says what the text behind it is
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a tag leads to, whether blanks right behind it are dropped, and whether it is text behind a bad call.

    `header`: the tag is as good as this header, so it leads where `route` says.
    """

    to: str
    drops_blanks: bool = False
    is_text: bool = True
    header: str | None = None


@dataclass(frozen=True)
class Place:
    """A stretch of a reply. `exits`: the tags that end it.

    `ends_with_object`: it ends behind the brace that closes an object, by the exit `}`.
    `otherwise`: the exits count at its very start only, behind blanks; anything else leads there (`drops_blanks`:
    without blanks in front; `keeps_one_blank`: but for one right in front of a word, as tokens have it).
    `keeps_tag`: the tag that led here is part of the call.
    `drops_blanks`: those in front of an exit are dropped, and those at the end of the reply too unless
    `keeps_last_blanks`.
    """

    sink: Sink
    exits: Mapping[str, Exit] = field(default_factory=dict)
    drops_blanks: bool = True
    keeps_one_blank: bool = False
    keeps_last_blanks: bool = False
    keeps_tag: bool = False
    ends_with_object: bool = False
    otherwise: str = ""

    @cached_property
    def tags(self) -> Tags:
        """The tags that end the place."""
        return Tags(self.exits)


class FormatParser:
    """Invariant: any way of cutting the input into pieces gives the same events, pieces of text joined."""

    def __init__(
        self,
        places: Mapping[str, Place],
        start: str,
        *,
        read: ReadCalls | None = None,
        read_open: ReadCalls | None = None,
        route: Callable[[str], str] | None = None,
        open_header: Callable[[str], str] = str,
    ) -> None:
        self._places, self._route, self._open_header = places, route, open_header
        self._read = read or _read_none
        self._read_open = read_open or self._read
        self._brackets = Brackets()
        self._place = places[start]
        self._pending = ""
        self._blanks: list[str] = []  # of rule 1; at a fork, those in front
        self._body: list[str] = []  # of rule 2
        self._before_call = ""  # dropped blanks and the tag in front of the body, should rule 3 need them
        self._skips_blanks = False
        self._count = 0
        self._has_warned = False
        self._events: list[ReplyEvent] = []

    def feed(self, text: str, *, last: bool = False) -> list[ReplyEvent]:
        """The events of the next piece; with `last`, also of all that was held back."""
        self._pending += text
        while self._step():
            pass
        if last:
            self._finish()
        events, self._events = self._events, []
        return _joined(events)

    def _step(self) -> bool:
        """Take what is sure up to the next tag; True if there was one."""
        if self._skips_blanks:
            self._pending = self._pending.lstrip(BLANKS)
            self._skips_blanks = not self._pending
        if self._place.otherwise:
            return self._decide()
        before, tag, self._pending = self._cut()
        self._take(before)
        if not tag:
            return False
        self._leave(tag)
        return True

    def _decide(self) -> bool:
        """Rule 4. False means to wait for more."""
        start = self._pending.lstrip(BLANKS)
        self._blanks.append(self._pending[: len(self._pending) - len(start)])
        self._pending = start
        tag = self._place.tags.at_start(start)
        if tag:
            self._pending = start[len(tag) :]
            self._leave(tag)
        elif not start or self._place.tags.may_begin_with(start):
            return False
        else:
            self._take_otherwise()
        return True

    def _take_otherwise(self) -> None:
        blanks = "".join(self._blanks)
        if not self._place.drops_blanks:
            self._pending = blanks + self._pending
        elif self._place.keeps_one_blank and blanks.endswith(" "):
            self._pending = " " + self._pending
        self._blanks.clear()
        self._place = self._places[self._place.otherwise]

    def _cut(self) -> tuple[str, str, str]:
        if not self._place.ends_with_object:
            return self._place.tags.cut(self._pending)
        end, is_object = self._brackets.find_end(self._pending, 0)
        while end is not None and not is_object:
            end, is_object = self._brackets.find_end(self._pending, end)
        if end is None:
            return self._pending, "", ""
        return self._pending[: end - 1], "}", self._pending[end:]

    def _take(self, text: str) -> None:
        match self._place.sink:
            case Sink.CALL | Sink.HEADER:
                self._body.append(text)
            case Sink.TEXT | Sink.THINKING if self._place.drops_blanks:
                said = text.rstrip(BLANKS)
                if said:
                    self._say("".join(self._blanks) + said)
                    self._blanks.clear()
                self._blanks.append(text[len(said) :])
            case Sink.TEXT | Sink.THINKING:
                self._say(text)

    def _say(self, text: str) -> None:
        if self._place.sink in {Sink.NOTHING, Sink.HEADER}:
            return
        event = ThinkingDelta(text) if self._place.sink is Sink.THINKING else TextDelta(text)
        self._events.append(event)

    def _leave(self, tag: str) -> None:
        left, reached = self._place, self._place.exits[tag]
        if left.sink is Sink.CALL:
            goes_on = self._places[reached.to].sink is Sink.CALL
            if goes_on or left.ends_with_object:
                self._body.append(tag)
                tag = ""
            if not goes_on:
                self._end_call(self._read, tag if reached.is_text else "")
        self._place = self._places[self._destination(left, reached)]
        if self._place.ends_with_object:
            self._brackets = Brackets()
            self._brackets.find_end(tag, 0)
        if self._place.sink is Sink.HEADER or (self._place.sink is Sink.CALL and left.sink is not Sink.CALL):
            self._begin(left, tag)
        self._blanks.clear()
        self._skips_blanks = reached.drops_blanks

    def _destination(self, left: Place, reached: Exit) -> str:
        header = reached.header
        if left.sink is Sink.HEADER:
            header = "".join(self._body)
            self._body.clear()
        return reached.to if header is None or self._route is None else self._route(header)

    def _begin(self, left: Place, tag: str) -> None:
        """Note what stands in front of a call or a header, should it turn out to be text."""
        keeps_blanks = left.sink is Sink.TEXT or (left.otherwise and not left.drops_blanks)
        self._before_call = "".join(self._blanks) if keeps_blanks else ""
        if self._place.keeps_tag:
            self._body.append(tag)
        elif left.sink is not Sink.HEADER:
            self._before_call += tag

    def _end_call(self, read: ReadCalls, tag: str) -> None:
        body = "".join(self._body)
        self._body.clear()
        try:
            calls = read(body)
        except MalformedCall as reason:
            self._pass_over(f"{self._before_call}{body}{tag}", reason)
            return
        for call in calls:
            self._emit(call)
            if call.rest.strip():
                self._events.append(TextDelta(call.rest + tag))

    def _pass_over(self, text: str, reason: MalformedCall) -> None:
        """Rule 3. The log tells it once for a reply: a model that errs may do so a thousand times."""
        self._events.append(TextDelta(text))
        if not self._has_warned:
            _log.warning("a tool call of the model cannot be read and is passed on as text: %s", reason)
            self._has_warned = True

    def _emit(self, call: ReadCall) -> None:
        name, arguments = without_halves(call.name), without_halves(call.arguments)
        function = ToolCallFunction(name=name, arguments=arguments, index=self._count)
        self._events.append(ToolCallReady(ToolCall(function=function, id=new_call_id())))
        self._count += 1

    def _finish(self) -> None:
        """Rule 5."""
        if self._place.otherwise and (self._pending or self._has_blank_text()):
            self._take_otherwise()
        half_tag, self._pending = self._pending, ""
        if self._place.sink is Sink.CALL:
            self._finish_call(half_tag)
        elif self._place.sink is Sink.HEADER:
            text = f"{self._before_call}{''.join(self._body)}{half_tag}"
            self._events.append(TextDelta(self._open_header(text)))
        elif half_tag:
            self._say("".join(self._blanks) + half_tag)
            self._blanks.clear()
        if self._place.keeps_last_blanks:
            self._say("".join(self._blanks))
        self._blanks.clear()

    def _has_blank_text(self) -> bool:
        """Whether a fork saw nothing but blanks, and they are text."""
        keeps = not (self._place.drops_blanks or self._places[self._place.otherwise].drops_blanks)
        return keeps and bool(self._blanks)

    def _finish_call(self, half_tag: str) -> None:
        if half_tag or any(not text.isspace() for text in self._body if text):
            self._end_call(self._read_open, half_tag)
        self._body.clear()


def _read_none(_: str) -> Sequence[ReadCall]:
    raise MalformedCall("this format has no calls")


def _joined(events: list[ReplyEvent]) -> list[ReplyEvent]:
    """The events without empty texts, neighbouring texts of one kind as one."""
    joined: list[ReplyEvent] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            joined[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, ThinkingDelta) and isinstance(last, ThinkingDelta):
            joined[-1] = ThinkingDelta(last.text + event.text)
        elif isinstance(event, ToolCallReady) or event.text:
            joined.append(event)
    return joined
