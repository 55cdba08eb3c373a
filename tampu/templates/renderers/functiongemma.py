"""FunctionGemma: schemas and calls in a notation of its own; results of tools stand inside the model's turn."""

from collections.abc import Mapping
from typing import Final

from tampu.messages import Message, Tool, ToolCall, ToolProperty
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.delimited import Delimited
from tampu.templates.renderers.tool_data import arguments_object, type_names

_NOTATION: Final = Delimited("<escape>", null="<nil>")
_INSTRUCTION: Final = "You can do function calling with the following functions:"
_TURN_END: Final = "<end_of_turn>\n"
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_SPEAKERS: Final = frozenset({"user", "assistant"})


def render(conversation: Conversation) -> str:
    """The prompt of FunctionGemma."""
    has_system = conversation.neighbour_role(0) in _SYSTEM_ROLES
    parts = ["<bos>", _developer(conversation, conversation.messages[0].content if has_system else "")]
    calls: tuple[ToolCall, ...] = ()
    results = 0
    is_answering = False  # behind a result the model's turn is still open, whatever others say meanwhile
    for index in range(int(has_system), len(conversation.messages)):
        message = conversation.messages[index]
        if message.role == "tool":
            # A result belongs to the call at the same place, whatever names and ids say.
            parts.append(_result(calls[results].function.name if results < len(calls) else "", message.content))
            results += 1
            is_answering = True
            continue
        parts.append(_turn(conversation, index, message, is_open=is_answering and message.role in _SPEAKERS))
        is_answering = is_answering and message.role not in _SPEAKERS
        if message.role == "assistant" and message.tool_calls:
            calls, results = message.tool_calls, 0
    parts.append("" if is_answering else "<start_of_turn>model\n")
    return "".join(parts)


def _developer(conversation: Conversation, text: str) -> str:
    """The turn with the system text and the tools; the instruction is not said twice."""
    if not text and not conversation.tools:
        return ""
    system = text.strip(BLANKS)
    tools = "".join(map(_declaration, conversation.tools))
    instruction = _INSTRUCTION if tools and system != _INSTRUCTION else ""
    line = "\n" if tools and text else ""
    return f"<start_of_turn>developer\n{system}{line}{instruction}{tools}{_TURN_END}"


def _turn(conversation: Conversation, index: int, message: Message, *, is_open: bool) -> str:
    role = "model" if message.role == "assistant" else message.role
    opening = "" if is_open else f"<start_of_turn>{role}\n"
    calls = "".join(map(_call, message.tool_calls)) if message.role == "assistant" else ""
    has_results = calls and conversation.neighbour_role(index + 1) == "tool"
    return f"{opening}{message.content.strip(BLANKS)}{calls}{'' if has_results else _TURN_END}"


def _call(call: ToolCall) -> str:
    members = _NOTATION.members(arguments_object(call))
    return f"<start_function_call>call:{call.function.name}{{{members}}}<end_function_call>"


def _result(name: str, content: str) -> str:
    return f"<start_function_response>response:{name}{{{_NOTATION.quoted(content)}}}<end_function_response>"


def _declaration(tool: Tool) -> str:
    described = _NOTATION.described(tool, _properties)
    return f"<start_function_declaration>declaration:{tool.function.name}{described}<end_function_declaration>"


def _properties(properties: Mapping[str, ToolProperty]) -> str:
    shown = ",".join(f"{name}:{_property(properties[name])}" for name in sorted(properties))
    return f"properties:{{{shown}}}"


def _property(schema: ToolProperty) -> str:
    """A property: its description and its first type, nothing else."""
    names = type_names(schema)
    kind = f",type:{_NOTATION.quoted(names[0].upper())}" if names else ""
    return f"{{description:{_NOTATION.quoted(schema.description)}{kind}}}"
