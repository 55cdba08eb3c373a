"""What a renderer is given, and the questions about a conversation that many of them ask. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from tampu.generation import Think
from tampu.messages import Message, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that a prompt is made of. `think` None: the request does not say and the model has no default.

    `today` is the local date.
    """

    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    think: Think | None = None
    today: date

    @property
    def ends_with_assistant(self) -> bool:
        """Whether the last message is one that the model is to go on with."""
        return bool(self.messages) and self.messages[-1].role == "assistant"

    def thinks(self, *, by_default: bool) -> bool:
        """Whether the model is to think; levels count as yes."""
        return by_default if self.think is None else bool(self.think)

    def last_index(self, wanted: Callable[[Message], bool]) -> int:
        """The place of the last message that is `wanted`; -1 where there is none."""
        places = range(len(self.messages) - 1, -1, -1)
        return next((index for index in places if wanted(self.messages[index])), -1)

    def neighbour_role(self, index: int) -> str:
        """The role of the message at `index`; empty outside of the conversation."""
        return self.messages[index].role if 0 <= index < len(self.messages) else ""


Render = Callable[[Conversation], str]


def is_user(message: Message) -> bool:
    """Whether the user said it."""
    return message.role == "user"
