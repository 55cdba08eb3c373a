"""The form that an answer must have, and who holds it to that: the engine's own chat, or a grammar of ours. Pure.

1. A conversation goes to the engine's own chat where the model's weights bring the template, unless we have to know how
   the answer is written, or by which word it was stopped: for a format, a demanded call, tools that are only
   described, a stop sequence that is to be told, or a limit on thoughts.
2. A chat that thinks before an answer in a format is asked twice, as in Ollama: the thoughts are free of any grammar,
   and most of the second prompt is in the cache. Where the answer may have to be calls, or the weights bring the
   template, one grammar holds thoughts and answer in one pass.
3. Where only the engine can read the model's answers (or takes no grammars for calls), it is asked to see to it itself.
"""

from collections.abc import Sequence
from typing import Final

from tampu.engine.protocol import EngineProperties
from tampu.engine.shape import CallForm, Thoughts
from tampu.generation import ChatInput, NamedTool, ToolChoice, ToolUse
from tampu.messages import Tool
from tampu.operations.selection import Selection
from tampu.templates.call_style import DESCRIBED, CallStyle
from tampu.templates.choose import PromptPath

MOST_CALLS: Final = 8
"""Of one answer that is held to calls: a model that would go on for ever is stopped."""


def reads_answer_itself(selection: Selection, chat: ChatInput, properties: EngineProperties) -> bool:
    """Whether we render the conversation and read the answer, not the engine."""
    request, facts = selection.request, selection.facts
    if facts.paths.chat is not PromptPath.ENGINE or selection.describes_tools:
        return True
    if facts.has_channels:
        return False
    must_see = request.names_stop or thinking_limit(selection) is not None
    if chat.tools:
        has_form = is_demanded(chat.tool_choice) or chat.strict_calls or request.format is not None
        return facts.calls is not None and (must_see or (properties.takes_grammars and has_form))
    return request.format is not None or must_see


def thinks_first(selection: Selection, properties: EngineProperties) -> bool:
    """Whether a chat's answer with a format takes two passes."""
    request, facts = selection.request, selection.facts
    if not (request.format and request.think):
        return False
    if facts.parser and not facts.thinking:
        return True  # nothing tells a grammar where the thoughts of such a family end
    is_free = facts.paths.chat is not PromptPath.ENGINE and call_form(selection) is None
    return bool(facts.thinking) and (is_free or not properties.takes_grammars)


def thinking_limit(selection: Selection) -> int | None:
    """The most tokens that the thoughts may have; None where they have no limit, or are not told apart by tags."""
    request, facts = selection.request, selection.facts
    return request.thinking_budget if request.think and facts.thinking and not facts.parser else None


def is_demanded(choice: ToolChoice) -> bool:
    """Whether the answer must be calls."""
    return choice is ToolUse.REQUIRED or isinstance(choice, NamedTool)


def allowed_tools(chat: ChatInput) -> Sequence[Tool]:
    """The tools that the answer may call."""
    match chat.tool_choice:
        case NamedTool(name=name):
            return [tool for tool in chat.tools if tool.function.name == name][:1]
        case _:
            return chat.tools


def call_style(selection: Selection) -> CallStyle:
    """How the model is expected to write calls."""
    return DESCRIBED if selection.describes_tools else selection.facts.calls or DESCRIBED


def call_tag(selection: Selection) -> str:
    """What tells a call from text: all of the tag, but its first word where the rest is free in its blanks."""
    tag = call_style(selection).tag
    return tag.split()[0] if call_form(selection) else tag


def call_form(selection: Selection) -> CallForm | None:
    """The calls that the answer is held to; None where they need no help."""
    chat = selection.request.input
    if not isinstance(chat, ChatInput) or not chat.tools:
        return None
    is_required = is_demanded(chat.tool_choice)
    # Nobody knows where the calls of a model begin that writes them in a way of its own.
    is_strict = chat.strict_calls and selection.facts.calls is not None
    if not (is_required or is_strict or selection.describes_tools or selection.request.format):
        return None
    style = call_style(selection)
    is_single = isinstance(chat.tool_choice, NamedTool) or not chat.parallel_calls
    most = 1 if is_single else MOST_CALLS
    return CallForm(
        tag=style.tag,
        key=style.key,
        tools=allowed_tools(chat),
        is_required=is_required,
        follows_text=is_strict,
        at_most=most,
        schemas=chat.schemas,
    )


def thoughts_before(selection: Selection, prompt: str) -> Thoughts | None:
    """The thoughts that may come before the answer to `prompt`."""
    tags = selection.facts.thinking
    if not selection.request.think or tags is None:
        return None
    return Thoughts(tags.opening, tags.closing, is_open=prompt.rstrip().endswith(tags.opening))
