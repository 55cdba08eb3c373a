"""Nemotron Nano: ChatML with a thinking block, often empty, in each answer; tools and calls as XML."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from tampu.messages import Message, Tool, ToolProperty
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation, is_user
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import GO_QUOTED, value_text
from tampu.templates.renderers.qwen3_coder import CALL_GUIDE, TOOLS_HEAD, call_text
from tampu.templates.renderers.tool_data import property_object, sorted_value, type_names

_NO_THOUGHTS: Final = "<think></think>"
_EFFICIENT: Final = "\n\n{reasoning effort: efficient}"
_REST: Final = ("enum", "anyOf", "items", "properties", "required")
"""What is told of a property behind its type and description."""
_MARKED_ROLES: Final = frozenset({"user", "system", "tool"})
_SWITCHED_ROLES: Final = frozenset({"user", "system"})


def render_3(conversation: Conversation) -> str:
    """The prompt of Nemotron 3 Nano. `/think` and `/no_think` in a text switch thinking and are taken out."""
    thinks = _switched(conversation)
    system, said = _parted(conversation)
    said = replace(said, messages=[_without_switches(message) for message in said.messages])
    return _render(_removed(system), said, thinks=thinks, around="\n")


def render_3_5(conversation: Conversation) -> str:
    """The prompt of Nemotron 3.5 Nano, which can be asked to think little."""
    system, said = _parted(conversation)
    last_user = said.last_index(is_user)
    if conversation.think == "medium" and last_user >= 0:
        messages = list(said.messages)
        messages[last_user] = _with_content(messages[last_user], messages[last_user].content + _EFFICIENT)
        said = replace(said, messages=messages)
    return _render(system, said, thinks=conversation.thinks(by_default=True), around="")


def _parted(conversation: Conversation) -> tuple[str, Conversation]:
    """The system text at the start, and the rest with its images marked."""
    has_system = conversation.neighbour_role(0) == "system"
    system = conversation.messages[0].content if has_system else ""
    said = replace(conversation, messages=conversation.messages[int(has_system) :])
    return system, marked(said, roles=_MARKED_ROLES)


def _with_content(message: Message, content: str) -> Message:
    return msgspec.structs.replace(message, content=content)


def _switched(conversation: Conversation) -> bool:
    thinks = conversation.thinks(by_default=True)
    for message in conversation.messages:
        if message.role in _SWITCHED_ROLES:
            text = message.content
            turns_on = "/think" in text.replace("</think>", "")
            thinks = turns_on or (thinks and "/no_think" not in text)
    return thinks


def _without_switches(message: Message) -> Message:
    if message.role not in _SWITCHED_ROLES:
        return message
    return _with_content(message, _removed(message.content).strip(BLANKS))


def _removed(text: str) -> str:
    parts = (part.replace("/think", "").replace("/no_think", "") for part in text.split("</think>"))
    return "</think>".join(parts)


def _render(system: str, said: Conversation, *, thinks: bool, around: str) -> str:
    """`around`: what stands on both sides of the tag that closes thinking."""
    parts = [chatml.turn("system", "\n\n".join(filter(None, (system, _tools(said)))))]
    last_user = said.last_index(is_user)
    for index, message in enumerate(said.messages):
        match message.role:
            case "assistant":
                parts.append(chatml.turn("assistant", _answer(message, around, is_past=index < last_user)))
            case "tool":
                parts.append(_result(said, index, message.content))
            case role:
                parts.append(chatml.turn(role, message.content))
    parts.append(chatml.opened("assistant", "<think>\n" if thinks else _NO_THOUGHTS))
    return "".join(parts)


def _answer(message: Message, around: str, *, is_past: bool) -> str:
    body = message.content
    if message.thinking:
        body = f"<think>\n{message.thinking}{around}</think>{around}{body}"
    elif "<think>" not in body and "</think>" not in body:
        body = _NO_THOUGHTS + body
    if not message.tool_calls:
        is_shortened = is_past and "<think>" in body and "</think>" in body
        return (_NO_THOUGHTS + body.rpartition("</think>")[2] if is_shortened else body).strip(BLANKS)
    if is_past:
        body = body.rpartition("</think>")[2] if "</think>" in body else body.partition("<think>")[0]
        body = _NO_THOUGHTS + body.strip(BLANKS)
    calls = "".join(f"{call_text(call, _value)}\n" for call in message.tool_calls)
    return f"{body.strip(BLANKS)}\n{calls}"


def _result(said: Conversation, index: int, content: str) -> str:
    opens = index > 0 and said.neighbour_role(index - 1) != "tool"
    closing = "" if said.neighbour_role(index + 1) == "tool" else chatml.END
    opening = chatml.opened("user") if opens else ""
    return f"{opening}<tool_response>\n{content}\n</tool_response>\n{closing}"


def _tools(conversation: Conversation) -> str:
    if not conversation.tools:
        return ""
    return "\n".join([TOOLS_HEAD, *map(_tool, conversation.tools), CALL_GUIDE])


def _tool(tool: Tool) -> str:
    function, parameters = tool.function, tool.function.parameters
    lines = ["<function>", f"<name>{function.name}</name>"]
    if function.description:
        lines.append(f"<description>{function.description.strip(BLANKS)}</description>")
    lines.append("<parameters>")
    for name, schema in (parameters.properties or {}).items():
        lines += ["<parameter>", f"<name>{name}</name>", *_members(schema), "</parameter>"]
    extra = {"$defs": sorted_value(parameters.defs), "items": sorted_value(parameters.items)}
    lines += [_member(name, value) for name, value in extra.items() if value is not None]
    if parameters.required:
        lines.append(_member("required", list(parameters.required)))
    return "\n".join([*lines, "</parameters>", "</function>"])


def _members(schema: ToolProperty) -> list[str]:
    """The keys of a property as elements: type and description first; several types as Python shows a list."""
    names = type_names(schema)
    found = property_object(schema)
    shown = ", ".join(f"'{name}'" for name in names)
    lines = [_member("type", f"[{shown}]" if len(names) > 1 else names[0])] if names else []
    if schema.description:
        lines.append(_member("description", schema.description.strip(BLANKS)))
    return [*lines, *(f"<{name}>{GO_QUOTED.text(found[name])}</{name}>" for name in _REST if name in found)]


def _member(name: str, value: Any) -> str:
    return f"<{name}>{_value(value)}</{name}>"


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    return value_text(value, GO_QUOTED)
