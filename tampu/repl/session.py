"""What a session knows: the model, the conversation so far, what was set. Plain data; asks nobody, prints nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tampu.client.answers import Description
from tampu.repl.chosen import Chosen

SYSTEM = "system"
Message = dict[str, Any]
"""A message as `/api/chat` takes it."""


@dataclass(slots=True)
class Session:
    """One conversation with one model. `description` is what the server said of the model when it was loaded."""

    model: str
    description: Description
    chosen: Chosen
    system: str = ""
    options: dict[str, object] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def say(self, text: str, images: list[bytes]) -> None:
        """Add what the person says."""
        self.messages.append({"role": "user", "content": text, **({"images": images} if images else {})})

    def hear(self, text: str, *, thinking: str = "") -> None:
        """Add what the model answered; its thinking goes back to it with the next turn."""
        self.messages.append({"role": "assistant", "content": text, **({"thinking": thinking} if thinking else {})})

    def last(self, role: str) -> Message | None:
        """The last message of that role; None where there is none."""
        return next((message for message in reversed(self.messages) if message["role"] == role), None)

    def forget_answer(self) -> None:
        """Drop what the model said behind the last message of the person."""
        place = self._place_of_last_user()
        if place is not None:
            self._drop_from(place + 1)

    def take_back(self) -> str | None:
        """Drop the last message of the person and what was answered; its text, None where there is none."""
        place = self._place_of_last_user()
        if place is None:
            return None
        text = str(self.messages[place]["content"])
        self._drop_from(place)
        return text

    def _drop_from(self, place: int) -> None:
        """Instructions stay: they were set for what follows."""
        self.messages[place:] = [message for message in self.messages[place:] if message["role"] == SYSTEM]

    def _place_of_last_user(self) -> int | None:
        places = (place for place, message in enumerate(self.messages) if message["role"] == "user")
        return max(places, default=None)

    def instruct(self, text: str) -> None:
        """Set the system message: in place of one that was set just before, otherwise from here on."""
        self.system = text
        if self.messages and self.messages[-1]["role"] == SYSTEM:
            self.messages.pop()
        self.messages.append({"role": SYSTEM, "content": text})

    def clear(self) -> None:
        """Forget the conversation, but not the system message."""
        self.messages = [{"role": SYSTEM, "content": self.system}] if self.system else []

    def turn(self) -> dict[str, Any]:
        """The body of the request for the next answer; raises BadRequest for a format that is no JSON."""
        chosen = self.chosen.request(can_think=self.description.can_think)
        return {"model": self.model, "messages": self.messages, "options": self.options, **chosen}

    def shown_as(self) -> Mapping[str, object]:
        """What `/show` shows in place of the stored values."""
        return {"system": self.system, "options": self.options}

    def recipe(self, name: str) -> dict[str, Any]:
        """The body of the request that stores this session as the model `name`."""
        loaded = [{"role": message.role, "content": message.content} for message in self.description.messages]
        recipe: dict[str, Any] = {"model": name, "from": self.description.details.parent_model or self.model}
        if self.system:
            recipe["system"] = self.system
        if self.options:
            recipe["parameters"] = self.options
        if messages := [*loaded, *(message for message in self.messages if message["role"] != SYSTEM)]:
            recipe["messages"] = messages
        return recipe
