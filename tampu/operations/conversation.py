"""The messages that a model sees: stored ones, the system prompt and those of the request. Pure."""

from collections.abc import Sequence

import msgspec

from tampu.generation import CompletionInput, TextDelta
from tampu.messages import Message
from tampu.parsing.thinking import ThinkingParser
from tampu.store.model import Model

_OPENING, _CLOSING = "<think>", "</think>"


def chat_messages(model: Model, messages: Sequence[Message]) -> list[Message]:
    """Stored messages, then the request's; the model's system prompt in front unless the request brings its own."""
    conversation = [*model.messages, *messages]
    if model.system and messages and messages[0].role != "system":
        conversation.insert(0, Message("system", model.system))
    return _without_old_thoughts(conversation) if _repeats_thoughts(model) else conversation


def completion_messages(model: Model, wanted: CompletionInput) -> list[Message]:
    """The system prompt, stored messages (only where no earlier answer is continued) and the prompt as a user's."""
    conversation = []
    if system := wanted.system or model.system:
        conversation.append(Message("system", system))
    if wanted.context is None:
        conversation.extend(model.messages)
    conversation.append(Message("user", wanted.prompt, images=wanted.images))
    return conversation


def _repeats_thoughts(model: Model) -> bool:
    """Families whose templates would show old thoughts again."""
    return model.config.model_family == "qwen3" or model.name.model == "deepseek-r1"


def _without_old_thoughts(messages: list[Message]) -> list[Message]:
    last_user = max((i for i, message in enumerate(messages) if message.role == "user"), default=0)
    return [
        _without_thoughts(message) if i < last_user and message.role == "assistant" else message
        for i, message in enumerate(messages)
    ]


def _without_thoughts(message: Message) -> Message:
    events = ThinkingParser(opening=_OPENING, closing=_CLOSING).feed(message.content, last=True)
    content = "".join(event.text for event in events if isinstance(event, TextDelta))
    return msgspec.structs.replace(message, content=content)
