"""GLM-4.7 and GLM-OCR: roles as special texts, tools as JSON, calls as pairs of keys and values."""

from collections.abc import Callable
from typing import Any, Final

from tampu.messages import Message, ToolCall
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import COMPACT, SPACED
from tampu.templates.renderers.tool_data import arguments_object, tool_object

_START: Final = "[gMASK]<sop>"
_TOOLS_HEAD: Final = (
    "<|system|>\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
_CALL_GUIDE: Final = (
    "\n</tools>\n\nFor each function call, output the function name and arguments within the following XML format:\n"
    "<tool_call>{function-name}<arg_key>{arg-key-1}</arg_key><arg_value>{arg-value-1}</arg_value>"
    "<arg_key>{arg-key-2}</arg_key><arg_value>{arg-value-2}</arg_value>...</tool_call>"
)


def render(conversation: Conversation) -> str:
    """The prompt of GLM-4.7: all thinking is shown, no text is trimmed."""
    parts = [_START, _tools(conversation)]
    for index, message in enumerate(conversation.messages):
        match message.role:
            case "user" | "system":
                parts.append(f"<|{message.role}|>{message.content}")
            case "assistant":
                thinking = f"<think>{message.thinking}</think>" if message.thinking else "</think>"
                parts.append(f"<|assistant|>{thinking}{message.content}{''.join(map(call_text, message.tool_calls))}")
            case "tool":
                opening = "" if conversation.neighbour_role(index - 1) == "tool" else "<|observation|>"
                parts.append(f"{opening}<tool_response>{message.content}</tool_response>")
    parts.append("<|assistant|><think>" if conversation.thinks(by_default=True) else "<|assistant|></think>")
    return "".join(parts)


def render_ocr(conversation: Conversation) -> str:
    """The prompt of GLM-OCR: each part on a line of its own; thinking is told off in every text of the user."""
    said = marked(conversation, roles=frozenset({"user", "tool"}))
    is_told_off = conversation.think is False
    parts = [_START, _tools(said)]
    parts += [_ocr_turn(said, index, message, is_told_off=is_told_off) for index, message in enumerate(said.messages)]
    parts.append("<|assistant|>\n<think></think>\n" if is_told_off else "<|assistant|>\n")
    return "".join(parts)


def _ocr_turn(said: Conversation, index: int, message: Message, *, is_told_off: bool) -> str:
    match message.role:
        case "user":
            is_told_now = is_told_off and not message.content.endswith("/nothink")
            return f"<|user|>\n{message.content}{'/nothink' if is_told_now else ''}"
        case "system":
            return f"<|system|>\n{message.content}\n"
        case "assistant":
            lines = [f"<think>{message.thinking.strip(BLANKS)}</think>"]
            lines += [message.content.strip(BLANKS)] if message.content else []
            lines += map(call_text, message.tool_calls)
            return "\n".join(["<|assistant|>", *lines, ""])
        case "tool":
            opening = "" if said.neighbour_role(index - 1) == "tool" else "<|observation|>"
            return f"{opening}\n<tool_response>\n{message.content}\n</tool_response>\n"
    return ""


def _tools(conversation: Conversation) -> str:
    if not conversation.tools:
        return ""
    tools = "\n".join(SPACED.text(tool_object(tool)) for tool in conversation.tools)
    return f"{_TOOLS_HEAD}{tools}{_CALL_GUIDE}"


def call_text(call: ToolCall) -> str:
    """One call on one line."""
    return f"<tool_call>{call.function.name}{''.join(pairs(call, COMPACT.text))}</tool_call>"


def pairs(call: ToolCall, write: Callable[[Any], str], *, between: str = "") -> list[str]:
    """The arguments of a call as keys and values; texts stand bare, `write` prints the rest."""
    return [
        f"<arg_key>{name}</arg_key>{between}<arg_value>{value if isinstance(value, str) else write(value)}</arg_value>"
        for name, value in arguments_object(call).items()
    ]
