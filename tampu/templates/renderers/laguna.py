"""Laguna of Poolside: roles as XML elements, each part on a line; and its compact successor."""

from typing import Final

from tampu.messages import Message, ToolCall
from tampu.templates.renderers.conversation import Conversation, split_thinking
from tampu.templates.renderers.glm import pairs
from tampu.templates.renderers.json_style import SPACED
from tampu.templates.renderers.openings import LAGUNA
from tampu.templates.renderers.tool_data import tool_object

_DEFAULT_SYSTEM: Final = (
    "You are a helpful, conversationally-fluent assistant made by Poolside. You are here to be helpful to users "
    "through natural language conversations."
)
_TOOLS_HEAD: Final = (
    "\n\n### Tools\n\nYou may call functions to assist with the user query.\n"
    "All available function signatures are listed below:\n<available_tools>\n"
)
_CALL_GUIDE: Final = (
    "or each function call, return an unescaped XML-like object with function name and arguments within "
    "'<tool_call>' and '</tool_call>' tags, like here:\n"
)
_CALL_EXAMPLE: Final = (
    "<tool_call>function-name\n<arg_key>argument-key</arg_key>\n<arg_value>value-of-argument-key</arg_value>\n"
    "</tool_call>"
)
_THINKING_GUIDE: Final = "Wrap your thinking in '<think>', '</think>' tags, followed by a function call. "


def render(conversation: Conversation) -> str:
    """The prompt of Laguna; an answer that is not empty is left open where it is the last message."""
    thinks = conversation.thinks(by_default=False)
    body = _system_text(conversation)
    if conversation.tools:
        front, example = (_THINKING_GUIDE, "<think> your thoughts here </think>\n") if thinks else ("", "")
        body += f"\n\n{front}F{_CALL_GUIDE}{example}{_CALL_EXAMPLE}"
    parts = [LAGUNA, f"<system>\n\n{body}\n</system>\n" if body else ""]
    last = len(conversation.messages) - 1
    for index, message in _said(conversation):
        match message.role:
            case "assistant":
                text = _answer(message)
                is_open = index == last and (message.content or message.thinking or message.tool_calls)
                parts.append(text if is_open else f"{text}</assistant>\n")
            case "tool":
                parts.append(f"<tool_response>\n{message.content}\n</tool_response>\n")
            case "user" | "system":
                parts.append(f"<{message.role}>\n{message.content}\n</{message.role}>\n")
    if not conversation.ends_with_assistant:
        parts.append("<assistant>\n<think>" if thinks else "<assistant>\n</think>")
    return "".join(parts)


def render_compact(conversation: Conversation) -> str:
    """The prompt of Poolside's v1 format: no line breaks inside of turns, thinking shown only where it is on."""
    thinks = conversation.thinks(by_default=False)
    body = _system_text(conversation)
    parts = [LAGUNA, f"<system>{body}</system>\n" if body else ""]
    for _, message in _said(conversation):
        match message.role:
            case "assistant":
                thinking = f"<think>{message.thinking}</think>" if thinks else "</think>"
                calls = "".join(map(_compact_call, message.tool_calls))
                parts.append(f"<assistant>{thinking}{message.content}{calls}</assistant>\n")
            case "tool":
                parts.append(f"<tool_response>{message.content}</tool_response>\n")
            case "user" | "system":
                parts.append(f"<{message.role}>{message.content}</{message.role}>\n")
    parts.append("<assistant><think>" if thinks else "<assistant></think>")
    return "".join(parts)


def _said(conversation: Conversation) -> list[tuple[int, Message]]:
    """The messages with their places, without the system text at the start."""
    start = int(conversation.neighbour_role(0) == "system")
    return list(enumerate(conversation.messages))[start:]


def _system_text(conversation: Conversation) -> str:
    own = conversation.messages[0].content.rstrip() if conversation.neighbour_role(0) == "system" else None
    text = _DEFAULT_SYSTEM if own is None else own
    if not conversation.tools:
        return text
    tools = "\n".join(SPACED.text(tool_object(tool)) for tool in conversation.tools)
    return f"{text}{_TOOLS_HEAD}{tools}\n</available_tools>"


def _answer(message: Message) -> str:
    thinking, content = split_thinking(message)
    opening = f"<think>\n{thinking.strip()}\n</think>\n" if thinking.strip() else "</think>\n"
    text = f"{content.strip()}\n" if content.strip() else ""
    calls = "".join(map(_call, message.tool_calls))
    return f"<assistant>\n{opening}{text}{calls}"


def _call(call: ToolCall) -> str:
    lines = "".join(f"{pair}\n" for pair in pairs(call, SPACED.text, between="\n"))
    return f"<tool_call>{call.function.name}\n{lines}</tool_call>\n"


def _compact_call(call: ToolCall) -> str:
    return f"<tool_call>{call.function.name}{''.join(pairs(call, SPACED.text))}</tool_call>"
