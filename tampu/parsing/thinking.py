"""Splits a model's thinking from its answer. Holds no I/O; feed it text, it returns events.

One block is known, at the start. Blanks around its tags are dropped, but for those in front of the closing tag.
What is held back when the text ends is delivered: as thinking inside the block, else as answer. Nothing but blanks is
no answer.
"""

from enum import Enum, auto

from tampu.generation import TextDelta, ThinkingDelta
from tampu.parsing.stream import split_partial_tag


class _Place(Enum):
    BEFORE = auto()  # nothing but blanks seen: a tag may still come
    OPENED = auto()  # behind the opening tag: blanks are dropped
    INSIDE = auto()
    CLOSED = auto()  # behind the closing tag: blanks are dropped
    AFTER = auto()  # the rest is answer, whatever it looks like


class ThinkingParser:
    """Invariant: any way of cutting the input into pieces gives the same joined text per event type.

    `primed`: the prompt ended with the opening tag, so the model begins inside the block.
    """

    def __init__(self, opening: str, closing: str, *, primed: bool = False) -> None:
        self._opening, self._closing = opening, closing
        self._place = _Place.OPENED if primed else _Place.BEFORE
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> list[TextDelta | ThinkingDelta]:
        """The events of the next piece; with `last`, also of all that was held back."""
        self._held += text
        if self._place is _Place.BEFORE:
            self._leave_start(last=last)
        self._skip_blanks(_Place.OPENED, _Place.INSIDE)
        thinking = self._take_thinking(last=last) if self._place is _Place.INSIDE else ""
        self._skip_blanks(_Place.CLOSED, _Place.AFTER)
        answer = self._take_all() if self._place is _Place.AFTER else ""
        events: list[TextDelta | ThinkingDelta] = []
        if thinking:
            events.append(ThinkingDelta(thinking))
        if answer:
            events.append(TextDelta(answer))
        return events

    def _leave_start(self, *, last: bool) -> None:
        """Move on once the start shows whether the model is thinking."""
        start = self._held.lstrip()
        if start.startswith(self._opening):
            self._place, self._held = _Place.OPENED, start.removeprefix(self._opening)
        elif not self._opening.startswith(start) or (last and start):
            self._place = _Place.AFTER

    def _skip_blanks(self, at: _Place, onward: _Place) -> None:
        if self._place is at:
            self._held = self._held.lstrip()
            self._place = onward if self._held else at

    def _take_thinking(self, *, last: bool) -> str:
        thinking, found, rest = self._held.partition(self._closing)
        if found:
            self._place, self._held = _Place.CLOSED, rest
            return thinking
        if last:
            return self._take_all()
        thinking, self._held = split_partial_tag(self._held, self._closing)
        return thinking

    def _take_all(self) -> str:
        taken, self._held = self._held, ""
        return taken
