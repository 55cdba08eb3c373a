"""Command A: special texts around roles and parts, tools and calls as fenced JSON, ids of calls counted anew."""

from typing import Final

from tampu.messages import Message, Tool
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.json_style import SPACED
from tampu.templates.renderers.tool_data import arguments_object, parameters_object

_TURN: Final = "<|START_OF_TURN_TOKEN|>"
_TURN_END: Final = "<|END_OF_TURN_TOKEN|>"
_ROLES: Final = {"user": "<|USER_TOKEN|>", "system": "<|SYSTEM_TOKEN|>"}
_ANSWERING: Final = frozenset({"assistant", "chatbot"})
_CHATBOT: Final = "<|CHATBOT_TOKEN|>"
_CALLS_INDENT: Final = "\n            \n                "


def render(conversation: Conversation) -> str:
    """The prompt of Command A; an answer without calls is left open where it is the last message."""
    has_system = conversation.neighbour_role(0) == "system"
    system = conversation.messages[0].content if has_system else ""
    front = f"{system}\n\n\n\n" if system else ""
    parts = [_turn("system", f"{front}# Available Tools\n```json\n{_tools(conversation)}\n```")]
    numbers = {"": ""}  # the ids that the conversation uses, to those of the prompt; the first of equal ones counts
    count = 0
    last = len(conversation.messages) - 1
    for index in range(int(has_system), last + 1):
        message = conversation.messages[index]
        if message.role in _ANSWERING and message.tool_calls:
            parts.append(_calls(message, count))
            for place, call in enumerate(message.tool_calls, count):
                numbers.setdefault(call.id, str(place))
            count += len(message.tool_calls)
        elif message.role in _ANSWERING:
            parts.append(_answer(message, is_last=index == last))
        elif message.role == "tool":
            opens, closes = (conversation.neighbour_role(index + step) != "tool" for step in (-1, 1))
            parts.append(_result(message, numbers, opens=opens, closes=closes))
        elif message.role in _ROLES:
            parts.append(_turn(message.role, message.content))
    if conversation.neighbour_role(last) not in _ANSWERING or conversation.messages[last].tool_calls:
        closing = "" if conversation.thinks(by_default=True) else "<|END_THINKING|>"
        parts.append(f"{_TURN}{_CHATBOT}<|START_THINKING|>{closing}")
    return "".join(parts)


def _turn(role: str, text: str) -> str:
    return f"{_TURN}{_ROLES[role]}<|START_TEXT|>{text}<|END_TEXT|>{_TURN_END}"


def _tools(conversation: Conversation) -> str:
    tools = ",\n\n\n".join(map(_tool, conversation.tools))
    return f"[\n\n{tools}\n\n\n]" if tools else "[\n\n\n\n]"


def _tool(tool: Tool) -> str:
    function = tool.function
    described = {
        "name": function.name,
        "description": function.description,
        "parameters": parameters_object(function.parameters),
        "responses": None,
    }
    return f"    {SPACED.text(described)}"


def _thinking(message: Message) -> str:
    return f"<|START_THINKING|>{message.thinking}<|END_THINKING|>" if message.thinking else ""


def _answer(message: Message, *, is_last: bool) -> str:
    closing = "" if is_last else f"<|END_TEXT|>{_TURN_END}"
    return f"{_TURN}{_CHATBOT}{_thinking(message)}<|START_TEXT|>{message.content}{closing}"


def _calls(message: Message, first: int) -> str:
    shown = (
        f'    {{"tool_call_id": "{place}", "tool_name": "{call.function.name}", '
        f'"parameters": {SPACED.text(arguments_object(call))}}}'
        for place, call in enumerate(message.tool_calls, first)
    )
    calls = ",\n\n".join(shown)
    action = f"<|START_ACTION|>[\n\n{calls}\n\n]<|END_ACTION|>"
    return f"{_TURN}{_CHATBOT}{_CALLS_INDENT}{_thinking(message)}{action}{_TURN_END}"


def _result(message: Message, numbers: dict[str, str], *, opens: bool, closes: bool) -> str:
    number = numbers.get(message.tool_call_id, message.tool_call_id)
    content = SPACED.text({"content": message.content})
    opening = f"{_TURN}{_ROLES['system']}<|START_TOOL_RESULT|>[\n" if opens else ",\n"
    closing = f"\n\n]<|END_TOOL_RESULT|>{_TURN_END}" if closes else ""
    return (
        f'{opening}    {{\n        "tool_call_id": "{number}",\n        "results": {{\n\n            \n'
        f'            "0": {content}\n\n        }},\n        "is_error": null\n    }}{closing}'
    )
