"""What a parser of replies takes and tells."""

from typing import Protocol

from tampu.generation import TextDelta, ThinkingDelta, ToolCallReady

ReplyEvent = TextDelta | ThinkingDelta | ToolCallReady


class OutputParser(Protocol):
    """What turns the text of a model into events; the built-in families have one each."""

    def feed(self, text: str, *, last: bool = False) -> list[ReplyEvent]:
        """The events of the next piece; with `last`, also of all that was held back."""
        ...
