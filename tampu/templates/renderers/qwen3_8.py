"""Qwen3.8: as Qwen3.5 with an instruction on effort, one system turn of all system texts, and all thinking shown."""

from dataclasses import replace
from typing import Final

from tampu.errors import BadRequest
from tampu.generation import Think
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.qwen3_5 import answer, last_question, primer, tools_text, turn

_LOW: Final = (
    "Reasoning effort is set to low. Keep your thinking brief and focused, moving directly to the conclusion "
    "without unnecessary elaboration."
)
_HIGH: Final = (
    "Reasoning effort is set to xhigh. Please think carefully through the task, validate key assumptions, consider "
    "plausible alternatives, and prioritize correctness, consistency, and clarity in the final answer."
)
_EFFORTS: Final[dict[Think | None, str]] = {None: _HIGH, "low": _LOW, "high": _HIGH, "max": _HIGH}
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})


def render(conversation: Conversation) -> str:
    """The prompt of Qwen3.8; raises BadRequest for a conversation that the format has no form for."""
    _check(conversation)
    systems = [message.content.strip(BLANKS) for message in conversation.messages if message.role in _SYSTEM_ROLES]
    said = [message for message in conversation.messages if message.role not in _SYSTEM_ROLES]
    conversation = marked(replace(conversation, messages=said))
    texts = [_EFFORTS.get(conversation.think, ""), tools_text(conversation), *systems]
    system = "\n\n".join(filter(None, texts))
    parts = [chatml.turn("system", system)] if system else []
    for index, message in enumerate(conversation.messages):
        if message.role == "assistant":
            is_last = index == len(said) - 1
            parts.append(answer(message, message.content.strip(BLANKS), message.thinking, is_last=is_last))
        else:
            parts.append(turn(conversation, index))
    if not conversation.ends_with_assistant:
        parts.append(primer(thinks=conversation.thinks(by_default=True)))
    return "".join(parts)


def _check(conversation: Conversation) -> None:
    if not conversation.messages:
        raise BadRequest("no messages provided")
    for message in conversation.messages:
        if message.role in _SYSTEM_ROLES and message.images:
            raise BadRequest(f"{message.role} message cannot contain images")
    if last_question(conversation) < 0:
        raise BadRequest("no user query found in messages")
