"""What of a request decides how its reply is read."""

from collections.abc import Sequence
from dataclasses import dataclass

from tampu.generation import Think
from tampu.messages import Message, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRequest:
    """`think` None: the request does not say and the model has no default. `last`: the last message, if any."""

    tools: Sequence[Tool] = ()
    think: Think | None = None
    last: Message | None = None

    @property
    def is_prefilled(self) -> bool:
        """Whether the model goes on with an answer that already has text."""
        return self.last is not None and self.last.role == "assistant" and bool(self.last.content)

    def thinks(self, *, by_default: bool) -> bool:
        """Whether the model is to think; levels count as yes."""
        return by_default if self.think is None else bool(self.think)
