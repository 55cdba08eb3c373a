"""A model's whole reply: its thinking first, then tool calls in what is left. Either parser may be absent."""

from typing import Protocol

from tampu.generation import TextDelta, ThinkingDelta, ToolCallReady
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser

ReplyEvent = TextDelta | ThinkingDelta | ToolCallReady


class OutputParser(Protocol):
    """What turns the text of a model into events; the built-in families have one each."""

    def feed(self, text: str, *, last: bool = False) -> list[ReplyEvent]:
        """The events of the next piece; with `last`, also of all that was held back."""
        ...


class ReplyParser:
    """The generic output parser of models with a Go template."""

    def __init__(self, *, thinking: ThinkingParser | None = None, tool_calls: ToolCallParser | None = None) -> None:
        self._thinking, self._tool_calls = thinking, tool_calls

    def feed(self, text: str, *, last: bool = False) -> list[ReplyEvent]:
        """The events of the next piece; with `last`, also of all that was held back."""
        split: list[TextDelta | ThinkingDelta] = [TextDelta(text)] if text else []
        if self._thinking is not None:
            split = self._thinking.feed(text, last=last)
        if self._tool_calls is None:
            return list(split)
        events: list[ReplyEvent] = []
        for event in split:
            events.extend(self._tool_calls.feed(event.text) if isinstance(event, TextDelta) else [event])
        if last:
            events.extend(self._tool_calls.feed("", last=True))
        return events
