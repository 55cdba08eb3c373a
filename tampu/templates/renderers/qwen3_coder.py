"""Qwen3-Coder: ChatML with tools and calls as XML. Its calls are those of Qwen3.5 and Nemotron too."""

from collections.abc import Callable
from typing import Any, Final

from tampu.messages import Message, Tool, ToolCall
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.json_style import value_text
from tampu.templates.renderers.tool_data import arguments_object, property_object, sorted_value

_DEFAULT_SYSTEM: Final = "You are Qwen, a helpful AI assistant that can interact with a computer to solve tasks."
TOOLS_HEAD: Final = "# Tools\n\nYou have access to the following functions:\n\n<tools>"
CALL_GUIDE: Final = """</tools>

If you choose to call a function ONLY reply in the following format with NO suffix:

<tool_call>
<function=example_function_name>
<parameter=example_parameter_1>
value_1
</parameter>
<parameter=example_parameter_2>
This is the value for the second parameter
that can span
multiple lines
</parameter>
</function>
</tool_call>

<IMPORTANT>
Reminder:
- Function calls MUST follow the specified format: an inner <function=...></function> block must be nested within \
<tool_call></tool_call> XML tags
- Required parameters MUST be specified
- You may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT after
- If there is no function call available, answer the question like normal with your current knowledge and do not \
tell the user about function calls
</IMPORTANT>"""


def render(conversation: Conversation) -> str:
    """The prompt of Qwen3-Coder."""
    parts = [_system(conversation)]
    messages = [message for message in conversation.messages if message.role != "system"]
    said = Conversation(messages=messages, today=conversation.today)
    parts.extend(_turn(said, index, message) for index, message in enumerate(messages))
    if messages and not said.ends_with_assistant:
        parts.append(chatml.opened("assistant"))
    return "".join(parts)


def _system(conversation: Conversation) -> str:
    systems = (message.content for message in conversation.messages if message.role == "system")
    text = next(filter(None, systems), "")
    if not conversation.tools:
        return chatml.turn("system", text) if text else ""
    tools = "\n".join(map(_tool, conversation.tools))
    return chatml.turn("system", f"{text or _DEFAULT_SYSTEM}\n\n{TOOLS_HEAD}\n{tools}\n{CALL_GUIDE}")


def _tool(tool: Tool) -> str:
    function, parameters = tool.function, tool.function.parameters
    lines = ["<function>", f"<name>{function.name}</name>"]
    if function.description:
        lines.append(f"<description>{function.description}</description>")
    lines.append("<parameters>")
    for name, schema in (parameters.properties or {}).items():
        lines += ["<parameter>", f"<name>{name}</name>", *_members(property_object(schema)), "</parameter>"]
    extra = {"$defs": parameters.defs, "items": parameters.items, "required": list(parameters.required) or None}
    lines += _members({name: value for name, value in extra.items() if value is not None})
    return "\n".join([*lines, "</parameters>", "</function>"])


def _members(schema: dict[str, Any]) -> list[str]:
    """The keys of a schema as elements: type and description first."""
    first = ("type", "description")
    names = [*filter(schema.__contains__, first), *(name for name in schema if name not in first)]
    return [f"<{name}>{value_text(sorted_value(schema[name]))}</{name}>" for name in names]


def _turn(said: Conversation, index: int, message: Message) -> str:
    if message.role == "tool":
        opens, closes = said.neighbour_role(index - 1) != "tool", said.neighbour_role(index + 1) != "tool"
        return chatml.tool_response(opens, closes, message.content)
    if message.role != "assistant":
        return chatml.turn(message.role, message.content)
    if message.tool_calls:
        calls = "\n".join(map(call_text, message.tool_calls))
        return chatml.turn("assistant", f"{message.content}\n\n{calls}" if message.content else f"\n{calls}")
    is_last = index == len(said.messages) - 1
    return chatml.opened("assistant", message.content) if is_last else chatml.turn("assistant", message.content)


def call_text(call: ToolCall, write: Callable[[Any], str] = value_text) -> str:
    """One call as XML; `write` prints a value."""
    lines = ["<tool_call>", f"<function={call.function.name}>"]
    for name, value in arguments_object(call).items():
        lines += [f"<parameter={name}>", write(value), "</parameter>"]
    return "\n".join([*lines, "</function>", "</tool_call>"])
