"""Cogito: the tokens of DeepSeek, tools and calls as fenced JSON."""

from typing import Final

from tampu.messages import Message, ToolCall
from tampu.templates.renderers import deepseek_tokens as tokens
from tampu.templates.renderers import openings
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.json_style import COMPACT, indented_text
from tampu.templates.renderers.tool_data import arguments_object, tool_object

_IDENTITY: Final = (
    "You are Cogito, an AI assistant created by Deep Cogito, which is an AI research lab based in San Francisco."
)

_ROLES: Final = frozenset({"user", "assistant", "tool"})


def render(conversation: Conversation) -> str:
    """The prompt of Cogito; only the first message can be a system text."""
    thinks = conversation.thinks(by_default=False)
    parts = [openings.DEEPSEEK, _system(conversation, thinks=thinks)]
    parts += [_turn(conversation, index, message) for index, message in enumerate(conversation.messages)]
    last = conversation.last_index(lambda message: message.role in _ROLES)
    # The turn of a user ends with the opening of the answer.
    parts.append("" if conversation.neighbour_role(last) == "user" else tokens.ASSISTANT)
    parts.append("<think>\n" if thinks else "")
    return "".join(parts)


def _system(conversation: Conversation, *, thinks: bool) -> str:
    own = conversation.messages[0].content if conversation.neighbour_role(0) == "system" else ""
    text = "Enable deep thinking subroutine.\n\n" if thinks else ""
    text += f"{_IDENTITY}\n\n{own}" if own else _IDENTITY
    text += "\n\n" if thinks and own else ""
    if conversation.tools:
        tools = "".join(f"```json\n{indented_text(tool_object(tool))}\n```\n" for tool in conversation.tools)
        text += f"\nYou have the following functions available:\n{tools}"
    return text


def _turn(conversation: Conversation, index: int, message: Message) -> str:
    match message.role:
        case "user":
            return f"{tokens.USER}{message.content}{tokens.ASSISTANT}"
        case "assistant":
            return f"{message.content}{_calls(message)}{tokens.EOS}"
        case "tool":
            opening = "\n" if conversation.neighbour_role(index - 1) == "tool" else tokens.OUTPUTS_BEGIN
            closing = "" if conversation.neighbour_role(index + 1) == "tool" else tokens.OUTPUTS_END
            return f"{opening}{tokens.OUTPUT_BEGIN}{message.content}{tokens.OUTPUT_END}{closing}"
    return ""


def _calls(message: Message) -> str:
    calls = "\n".join(map(_call, message.tool_calls))
    return f"{tokens.CALLS_BEGIN}{calls}{tokens.CALLS_END}" if calls else ""


def _call(call: ToolCall) -> str:
    arguments = COMPACT.text(arguments_object(call))
    return (
        f"{tokens.CALL_BEGIN}function{tokens.SEPARATOR}{call.function.name}\n```json\n{arguments}\n```{tokens.CALL_END}"
    )
