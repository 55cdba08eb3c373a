"""Laguna of Poolside: roles as XML elements, each part on a line; and its compact successor."""

from typing import Final

from tampu.messages import Message, ToolCall
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.glm import pairs
from tampu.templates.renderers.json_style import SPACED
from tampu.templates.renderers.openings import LAGUNA
from tampu.templates.renderers.tool_data import tool_object

_DEFAULT_SYSTEM: Final = (
    "You are a helpful, conversationally-fluent assistant made by Poolside. You are here to be helpful to users "
    "through natural language conversations."
)
_TOOLS_HEAD: Final = (
    "### Tools\n\nYou may call functions to assist with the user query.\n"
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

_EMPTY_ANSWER: Final = "<assistant>\n</think>\n"


def render(conversation: Conversation) -> str:
    """The prompt of Laguna; an answer that is not empty is left open where it is the last message."""
    thinks = conversation.thinks(by_default=False)
    system = _system_text(conversation)
    body = f"\n{system}" if system else ""
    if conversation.tools:
        body += "\n\n" + _tools(conversation)
        front, example = (_THINKING_GUIDE, "<think> your thoughts here </think>\n") if thinks else ("", "")
        body += f"\n\n{front}F{_CALL_GUIDE}{example}{_CALL_EXAMPLE}"
    parts = [LAGUNA, f"<system>\n{body}\n</system>\n" if body else ""]
    last = len(conversation.messages) - 1
    for index, message in _said(conversation):
        match message.role:
            case "assistant":
                text = _answer(message)
                is_open = index == last and text != _EMPTY_ANSWER
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
    body = "\n\n".join(filter(None, (_system_text(conversation), _tools(conversation))))
    parts = [LAGUNA, f"<system>{body}</system>\n" if body or thinks else ""]
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
    own = conversation.messages[0].content.rstrip(BLANKS) if conversation.neighbour_role(0) == "system" else None
    return _DEFAULT_SYSTEM if own is None else own


def _tools(conversation: Conversation) -> str:
    if not conversation.tools:
        return ""
    tools = "\n".join(SPACED.text(tool_object(tool)) for tool in conversation.tools)
    return f"{_TOOLS_HEAD}{tools}\n</available_tools>"


def _answer(message: Message) -> str:
    """An answer, left open. Reasoning in the text counts where the message has none of its own."""
    before, tag, content = message.content.rpartition("</think>")
    thinking = message.thinking
    if tag and not thinking:
        thinking = before.partition("</think>")[0].rpartition("<think>")[2]
    opening = f"<think>\n{thinking.strip(BLANKS)}\n</think>\n" if thinking.strip(BLANKS) else "</think>\n"
    text = f"{content.strip(BLANKS)}\n" if content.strip(BLANKS) else ""
    calls = "".join(map(_call, message.tool_calls))
    return f"<assistant>\n{opening}{text}{calls}"


def _call(call: ToolCall) -> str:
    lines = "".join(f"{pair}\n" for pair in pairs(call, SPACED.text, between="\n"))
    return f"<tool_call>{call.function.name}\n{lines}</tool_call>\n"


def _compact_call(call: ToolCall) -> str:
    return f"<tool_call>{call.function.name}{''.join(pairs(call, SPACED.text))}</tool_call>"
