"""DeepSeek V3.1: tools as a list in the system text, calls as a name and JSON between special texts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tampu.messages import Message, Tool, ToolCall
from tampu.templates.renderers import deepseek_tokens as tokens
from tampu.templates.renderers import openings
from tampu.templates.renderers.conversation import Conversation, is_user
from tampu.templates.renderers.json_style import COMPACT
from tampu.templates.renderers.tool_data import arguments_object, parameters_object

_TOOLS_HEAD: Final = "\n\n## Tools\nYou have access to the following tools:\n"
_CALL_GUIDE: Final = (
    "\nIMPORTANT: ALWAYS adhere to this exact format for tool use:\n"
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>tool_call_name<｜tool▁sep｜>tool_call_arguments<｜tool▁call▁end｜>"
    "{{additional_tool_calls}}<｜tool▁calls▁end｜>\n\nWhere:\n\n"
    "- `tool_call_name` must be an exact match to one of the available tools\n"
    "- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters Schema\n"
    "- For multiple tool calls, chain them directly without separators or spaces\n"
)

_ROLES: Final = frozenset({"user", "assistant", "tool"})


def render(conversation: Conversation) -> str:
    """The prompt of DeepSeek V3.1. Behind the result of a tool the model goes on without any opening."""
    system = "\n\n".join(message.content for message in conversation.messages if message.role == "system")
    messages = [message for message in conversation.messages if message.role in _ROLES]
    conversation = replace(conversation, messages=messages)
    thinks = conversation.thinks(by_default=False)
    last_user = conversation.last_index(is_user)
    parts = [openings.DEEPSEEK, system, _tools(conversation.tools)]
    for index, message in enumerate(messages):
        match message.role:
            case "user":
                parts.append(f"{tokens.USER}{message.content}")
            case "assistant":
                shows_thinking = thinks and index > last_user
                parts.append(_answer(message, conversation.neighbour_role(index - 1), shows_thinking=shows_thinking))
            case "tool":
                parts.append(f"{tokens.OUTPUT_BEGIN}{message.content}{tokens.OUTPUT_END}")
    if conversation.neighbour_role(len(messages) - 1) == "user":
        parts.append(tokens.ASSISTANT + ("<think>" if thinks else "</think>"))
    return "".join(parts)


def _tools(tools: Sequence[Tool]) -> str:
    listed = "".join(map(_tool, tools)) if tools else ""
    return f"{_TOOLS_HEAD}{listed}{_CALL_GUIDE}" if listed else ""


def _tool(tool: Tool) -> str:
    function = tool.function
    parameters = COMPACT.text(parameters_object(function.parameters))
    return f"\n### {function.name}\nDescription: {function.description}\n\nParameters: {parameters}\n"


def _answer(message: Message, previous: str, *, shows_thinking: bool) -> str:
    opening = ""
    if previous == "user":
        is_thought = shows_thinking and message.thinking and not message.tool_calls
        opening = tokens.ASSISTANT + ("<think>" if is_thought else "</think>")
    content = message.content
    if previous != "tool" and not message.tool_calls and "</think>" in content:
        content = content.partition("</think>")[2]
    calls = "".join(map(_call, message.tool_calls))
    calls = f"{tokens.CALLS_BEGIN}{calls}{tokens.CALLS_END}" if calls else ""
    return f"{opening}{content}{calls}{tokens.EOS}"


def _call(call: ToolCall) -> str:
    arguments = COMPACT.text(arguments_object(call))
    return f"{tokens.CALL_BEGIN}{call.function.name}{tokens.SEPARATOR}{arguments}{tokens.CALL_END}"
