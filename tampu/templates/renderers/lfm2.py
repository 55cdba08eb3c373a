"""LFM2: ChatML with tools as JSON in the system text and calls as Python writes them, in front of the answer."""

from functools import partial
from typing import Any

from tampu.messages import Message, Tool, ToolCall
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import SPACED, UNESCAPED, JsonText
from tampu.templates.renderers.openings import LFM
from tampu.templates.renderers.tool_data import function_object, sorted_arguments


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
            parts.append(chatml.turn("tool", f"<|tool_response_start|>{message.content}<|tool_response_end|>"))
        else:
            parts.append(chatml.turn(message.role, message.content))
    if not conversation.ends_with_assistant:
        parts.append(chatml.opened("assistant"))
    return "".join(parts)


render = partial(_render, shows_thinking=False)
render_thinking = partial(_render, shows_thinking=True)


def _answer(message: Message, *, keeps_thinking: bool, shows_thinking: bool) -> str:
    thinking = f"<think>{message.thinking}</think>" if message.thinking and shows_thinking and keeps_thinking else ""
    content = message.content
    if not keeps_thinking and "</think>" in content:
        content = content.rpartition("</think>")[2].strip()
    calls = ",".join(map(_call, message.tool_calls))
    calls = f"<|tool_call_start|>[{calls}]<|tool_call_end|>" if calls else ""
    return thinking + "\n".join(filter(None, (calls, content)))


def _call(call: ToolCall) -> str:
    arguments = (f"{name}={UNESCAPED.text(value)}" for name, value in sorted_arguments(call).items())
    return f"{call.function.name}({','.join(arguments)})"


def _tools(conversation: Conversation) -> str:
    if not conversation.tools:
        return ""
    tools = UNESCAPED.text([_tool(tool) for tool in conversation.tools])
    return f"List of tools: <|tool_list_start|>{tools}<|tool_list_end|>"


def _tool(tool: Tool) -> dict[str, Any]:
    """A function, its properties escaped for HTML and nothing else, as Ollama does."""
    function = function_object(tool)
    properties = function["parameters"]["properties"]
    return {**function, "parameters": {**function["parameters"], "properties": JsonText(SPACED.text(properties))}}
