"""Qwen3-VL: ChatML with tools and calls as JSON, images as marks; one variant thinks."""

from functools import partial
from typing import Final

from tampu.messages import Message, ToolCall
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation, is_user
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import SPACED
from tampu.templates.renderers.tool_data import arguments_object, tool_object

_TOOLS_HEAD: Final = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
_CALL_GUIDE: Final = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n'
    "</tool_call>"
)


def _render(conversation: Conversation, *, by_default: bool) -> str:
    thinks = conversation.thinks(by_default=by_default)
    messages = marked(conversation).messages
    last_user = conversation.last_index(lambda message: is_user(message) and not is_tool_response(message.content))
    if last_user < 0:
        last_user = len(messages)
    parts = [_system(conversation)]
    for index, message in enumerate(messages):
        if message.role == "assistant":
            parts.append(
                _answer(message, shows_thinking=thinks and index > last_user, is_last=index == len(messages) - 1)
            )
        else:
            parts.append(_turn(conversation, index, message))
    if messages and not conversation.ends_with_assistant:
        parts.append(chatml.opened("assistant", "<think>\n" if thinks else ""))
    return "".join(parts)


render_instruct = partial(_render, by_default=False)
render_thinking = partial(_render, by_default=True)


def is_tool_response(content: str) -> bool:
    """Whether a text of the user is really the result of a tool."""
    return content.startswith("<tool_response>") and content.endswith("</tool_response>")


def _system(conversation: Conversation) -> str:
    system = conversation.messages[0].content if conversation.neighbour_role(0) == "system" else None
    if not conversation.tools:
        return "" if system is None else chatml.turn("system", system)
    tools = "\n".join(SPACED.text(tool_object(tool)) for tool in conversation.tools)
    front = "" if system is None else f"{system}\n\n"
    return chatml.turn("system", front + _TOOLS_HEAD + tools + _CALL_GUIDE)


def _turn(conversation: Conversation, index: int, message: Message) -> str:
    if message.role == "tool":
        opens = conversation.neighbour_role(index - 1) != "tool"
        closes = conversation.neighbour_role(index + 1) != "tool"
        return chatml.tool_response(opens, closes, message.content)
    is_turn = message.role == "user" or (message.role == "system" and index > 0)
    return chatml.turn(message.role, message.content) if is_turn else ""


def _answer(message: Message, *, shows_thinking: bool, is_last: bool) -> str:
    content = message.content
    body = content
    if shows_thinking and (message.thinking or is_last):
        body = "<think>\n" + message.thinking.strip("\n")
        body += "\n</think>\n\n" + content.lstrip("\n") if content else ""
    calls = "\n".join(map(_call, message.tool_calls))
    body += f"\n{calls}" if content and calls else calls
    return chatml.opened("assistant", body) if is_last else chatml.turn("assistant", body)


def _call(call: ToolCall) -> str:
    arguments = SPACED.text(arguments_object(call))
    return f'<tool_call>\n{{"name": "{call.function.name}", "arguments": {arguments}}}\n</tool_call>'
