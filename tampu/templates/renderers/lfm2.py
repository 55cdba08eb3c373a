"""LFM2: ChatML with tools as JSON in the system text and calls as Python writes them, in front of the answer."""

from functools import partial
from typing import Any

from tampu.messages import Message, Tool, ToolCall
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import SPACED, UNESCAPED, JsonText
from tampu.templates.renderers.openings import LFM
from tampu.templates.renderers.tool_data import function_object, sorted_arguments, tool_object

_CALLS, _CALLS_END = "<|tool_call_start|>", "<|tool_call_end|>"
_RESULT, _RESULT_END = "<|tool_response_start|>", "<|tool_response_end|>"


def _render(conversation: Conversation, *, shows_thinking: bool) -> str:
    has_system = conversation.neighbour_role(0) == "system"
    system = conversation.messages[0].content if has_system else ""
    texts = [text for text in (system, _tools(conversation)) if text]
    parts = [LFM, chatml.turn("system", "\n".join(texts)) if texts else ""]
    messages = marked(conversation).messages
    last_answer = conversation.last_index(lambda message: message.role == "assistant")
    for index in range(int(has_system), len(messages)):
        message = messages[index]
        if message.role == "assistant":
            is_kept = index == last_answer or (shows_thinking and conversation.thinks(by_default=False))
            body = _answer(message, keeps_thinking=is_kept, shows_thinking=shows_thinking)
            is_last = index == len(messages) - 1
            parts.append(chatml.opened("assistant", body) if is_last else chatml.turn("assistant", body))
        elif message.role == "tool":
            content = message.content
            parts.append(chatml.turn("tool", content if _RESULT in content else f"{_RESULT}{content}{_RESULT_END}"))
        else:
            parts.append(chatml.turn(message.role, message.content))
    if not conversation.ends_with_assistant:
        parts.append(chatml.opened("assistant"))
    return "".join(parts)


render = partial(_render, shows_thinking=False)
render_thinking = partial(_render, shows_thinking=True)


def _answer(message: Message, *, keeps_thinking: bool, shows_thinking: bool) -> str:
    """Thoughts, calls and text, each once: a text that holds them already is taken as it is."""
    body = message.content
    if message.tool_calls and _CALLS not in body:
        line = "\n" if body.strip(BLANKS) else ""
        body = f"{_CALLS}[{','.join(map(_call, message.tool_calls))}]{_CALLS_END}{line}{body}"
    if shows_thinking and message.thinking and "</think>" not in body:
        body = f"<think>{message.thinking}</think>{body}"
    if not keeps_thinking and "</think>" in body:
        body = body.rpartition("</think>")[2].strip(BLANKS)
    return body


def _call(call: ToolCall) -> str:
    arguments = (f"{name}={UNESCAPED.text(value)}" for name, value in sorted_arguments(call).items())
    return f"{call.function.name}({','.join(arguments)})"


def _tools(conversation: Conversation) -> str:
    if not conversation.tools:
        return ""
    tools = UNESCAPED.text([_tool(tool) for tool in conversation.tools])
    return f"List of tools: <|tool_list_start|>{tools}<|tool_list_end|>"


def _tool(tool: Tool) -> dict[str, Any]:
    """A function, its properties escaped for HTML and nothing else, as Ollama does; without a name the whole tool."""
    function = function_object(tool)
    function["parameters"]["properties"] = JsonText(SPACED.text(function["parameters"]["properties"]))
    return function if tool.function.name else {**tool_object(tool), "function": function}
