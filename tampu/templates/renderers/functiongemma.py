"""FunctionGemma: schemas and calls in a notation of its own; results of tools stand inside the model's turn."""

from typing import Final

from tampu.messages import Message, Tool, ToolCall, ToolProperty
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.delimited import Delimited
from tampu.templates.renderers.tool_data import arguments_object, type_names

_NOTATION: Final = Delimited("<escape>", null="<nil>")
_INSTRUCTION: Final = "You can do function calling with the following functions:"
_TURN_END: Final = "<end_of_turn>\n"
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})


def render(conversation: Conversation) -> str:
    """The prompt of FunctionGemma."""
    has_system = conversation.neighbour_role(0) in _SYSTEM_ROLES
    system = conversation.messages[0].content.strip() if has_system else ""
    parts = ["<bos>"]
    if system or conversation.tools:
        tools = "".join(map(_declaration, conversation.tools))
        body = "\n".join(filter(None, (system, f"{_INSTRUCTION}{tools}" if tools else "")))
        parts.append(f"<start_of_turn>developer\n{body}{_TURN_END}")
    calls: tuple[ToolCall, ...] = ()
    results = 0
    for index in range(int(has_system), len(conversation.messages)):
        message = conversation.messages[index]
        if message.role == "tool":
            # A result belongs to the call at the same place, whatever names and ids say.
            parts.append(_result(calls[results].function.name if results < len(calls) else "", message.content))
            results += 1
            continue
        parts.append(_turn(conversation, index, message))
        if message.role == "assistant":
            calls, results = message.tool_calls, 0
    is_answering = conversation.neighbour_role(len(conversation.messages) - 1) == "tool"
    parts.append("" if is_answering else "<start_of_turn>model\n")
    return "".join(parts)


def _turn(conversation: Conversation, index: int, message: Message) -> str:
    role = "model" if message.role == "assistant" else message.role
    opening = "" if conversation.neighbour_role(index - 1) == "tool" else f"<start_of_turn>{role}\n"
    calls = "".join(map(_call, message.tool_calls)) if message.role == "assistant" else ""
    has_results = calls and conversation.neighbour_role(index + 1) == "tool"
    return f"{opening}{message.content.strip()}{calls}{'' if has_results else _TURN_END}"


def _call(call: ToolCall) -> str:
    members = _NOTATION.members(arguments_object(call))
    return f"<start_function_call>call:{call.function.name}{{{members}}}<end_function_call>"


def _result(name: str, content: str) -> str:
    return f"<start_function_response>response:{name}{{{_NOTATION.quoted(content)}}}<end_function_response>"


def _declaration(tool: Tool) -> str:
    function, parameters = tool.function, tool.function.parameters
    parts: list[str] = []
    if parameters.properties:
        properties = parameters.properties
        shown = ",".join(f"{name}:{_property(properties[name])}" for name in sorted(properties))
        parts.append(f"properties:{{{shown}}}")
    if parameters.required:
        parts.append(f"required:{_NOTATION.text(list(parameters.required))}")
    if parameters.type:
        parts.append(f"type:{_NOTATION.quoted(parameters.type.upper())}")
    members = f",parameters:{{{','.join(parts)}}}" if parts else ""
    described = f"description:{_NOTATION.quoted(function.description)}"
    return f"<start_function_declaration>declaration:{function.name}{{{described}{members}}}<end_function_declaration>"


def _property(schema: ToolProperty) -> str:
    """A property: its description and its first type, nothing else."""
    names = type_names(schema)
    kind = f",type:{_NOTATION.quoted(names[0].upper())}" if names else ""
    return f"{{description:{_NOTATION.quoted(schema.description)}{kind}}}"
