"""Glimmer: every message says to whom it goes; tools as JSON lines, calls as XML in the `atem` name space."""

import re
from collections.abc import Mapping
from typing import Final

from tampu.messages import Message, Tool, ToolCall
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import SPACED, UNESCAPED, JsonText, value_text
from tampu.templates.renderers.tool_data import arguments_object, parameters_object

_EFFORT = re.compile("(?<=[Rr]easoning )effort|(?<=Reasoning )Effort|(?<=REASONING )EFFORT")
_STRENGTHS: Final = {"effort": "strength", "Effort": "Strength", "EFFORT": "STRENGTH"}
_DEFAULT_SYSTEM: Final = "You are a helpful AI assistant.\nKnowledge cutoff: 2026-01-04.\nCurrent date: {}."
_TOOLS_HEAD: Final = """In this environment you have access to a set of tools you can use to answer the user's question.

You can invoke a function by writing a "<atem:function_calls>" block like the following:
<atem:function_calls>
<atem:invoke name="$FUNCTION_NAME">
<atem:parameter name="$PARAMETER_NAME">$PARAMETER_VALUE</atem:parameter>
...
</atem:invoke>
</atem:function_calls>

String and scalar parameters should be specified as is, while lists and objects should use JSON format. Note that \
spaces for string values are not stripped. The output is not expected to be valid XML and is parsed with regular \
expressions.
Here are the functions available in JSONSchema format:
// Tool metadata
"""
_CALL_EXAMPLE: Final = """

Here's an example of how to call a function in the tool set:
(If the tool namespace is not specified, invoke the function directly as `example_function_name` rather than \
`example_tool_name.example_function_name`)

to=example_tool_name.example_function_name

<atem:function_calls>
<atem:invoke name="example_tool_name.example_function_name">
<atem:parameter name="example_parameter_1">value_1</atem:parameter>
<atem:parameter name="example_parameter_2">This is the value for the second parameter
that can span
"multiple" lines
</atem:parameter>
</atem:invoke>
</atem:function_calls>"""


def render(conversation: Conversation) -> str:
    """The prompt of Glimmer. Each system text says who can be addressed; one is made up where there is none."""
    said = marked(conversation)
    appendix = _appendix(said)
    parts = ["<|begin_of_text|>"]
    if all(message.role != "system" for message in said.messages):
        parts.append(_message("system", _DEFAULT_SYSTEM.format(said.today) + _strength(said) + appendix))
    names = {call.id: call.function.name for message in said.messages for call in message.tool_calls if call.id}
    for index, message in enumerate(said.messages):
        match message.role:
            case "system":
                parts.append(_message("system", _system(message.content, said) + appendix))
            case "user":
                parts.append(_message("user", message.content))
            case "tool":
                parts.append(_result(message, names))
            case "assistant":
                parts += _answer(message, goes_on=said.neighbour_role(index + 1) == "assistant")
    parts.append("<|start|>assistant")
    return "".join(parts)


def _message(header: str, body: str, end: str = "<|eot|>") -> str:
    return f"<|start|>{header}<|message|>{body}{end}"


def _system(content: str, said: Conversation) -> str:
    """A system text that speaks of the effort, or strength, itself is taken at its word."""
    text = _EFFORT.sub(lambda match: _STRENGTHS[match.group()], content)
    return text if "reasoning strength" in text.lower() else text + _strength(said)


def _strength(said: Conversation) -> str:
    level = said.think if isinstance(said.think, str) else "high" if said.thinks(by_default=True) else "none"
    return f"\n\nReasoning strength: {level}."


def _appendix(said: Conversation) -> str:
    """The tools and the recipients, as they stand behind every system text."""
    names = dict.fromkeys(tool.function.name.partition(".")[0] for tool in said.tools)
    recipients = ", ".join(f'"{name}"' for name in ("self", *(f"{name}.*" for name in names), "user"))
    tools = ""
    if said.tools:
        metadata = (UNESCAPED.text({"name": name, "description": ""}) for name in names)
        schemas = map(_schema, said.tools)
        tools = "\n\n" + _TOOLS_HEAD + "\n".join([*metadata, "// Function schemas", *schemas]) + _CALL_EXAMPLE
    return f"{tools}\n\n# Valid recipients: {recipients}."


def _schema(tool: Tool) -> str:
    """A function, its properties escaped for HTML and nothing else, as Ollama does."""
    parameters = parameters_object(tool.function.parameters)
    parameters["properties"] = JsonText(SPACED.text(parameters["properties"]))
    described = {"name": tool.function.name, "description": tool.function.description, "parameters": parameters}
    return UNESCAPED.text(described)


def _result(message: Message, names: Mapping[str, str]) -> str:
    name = message.tool_name or names.get(message.tool_call_id, message.tool_call_id)
    return _message(f"tool {name}", f'<tool_output name="{name}">\n{message.content}\n</tool_output>')


def _answer(message: Message, *, goes_on: bool) -> list[str]:
    """The messages of one turn: thoughts, then calls or else the text. `goes_on`: the model says the next one too."""
    parts = [_message("assistant to=self", message.thinking, "<|eom|>")] if message.thinking else []
    last = len(message.tool_calls) - 1
    for place, call in enumerate(message.tool_calls):
        end = "<|eot|>" if place == last and not goes_on else "<|eom|>"
        parts.append(_message(f"assistant to={call.function.name}", _call(call), end))
    if not message.tool_calls and (message.content or not message.thinking):
        parts.append(_message("assistant to=user", message.content))
    return parts


def _call(call: ToolCall) -> str:
    lines = [
        f'<atem:parameter name="{name}">{value_text(value, UNESCAPED)}</atem:parameter>'
        for name, value in arguments_object(call).items()
    ]
    invoke = "\n".join([f'<atem:invoke name="{call.function.name}">', *lines, "</atem:invoke>"])
    return f"<atem:function_calls>\n{invoke}\n</atem:function_calls>"
