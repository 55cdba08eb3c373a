"""Gemma 4: turns of the model that hold thoughts, calls, the results of tools and text; a notation of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from tampu.messages import Message, ToolCall
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers.conversation import Conversation, is_user
from tampu.templates.renderers.gemma4_schema import NOTATION, declaration
from tampu.templates.renderers.image_marks import ImageMarks
from tampu.templates.renderers.tool_data import arguments_object

_TURN_END: Final = "<turn|>\n"
_THOUGHT: Final = "<|channel>thought\n"
_CHANNEL, _CHANNEL_END = "<|channel>", "<channel|>"
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})


def _render(conversation: Conversation, *, shows_empty_thought: bool) -> str:
    thinks = conversation.thinks(by_default=False)
    has_system = conversation.neighbour_role(0) in _SYSTEM_ROLES
    system = conversation.messages[0].content.strip(BLANKS) if has_system else ""
    parts = ["<bos>"]
    if has_system or thinks or conversation.tools:
        tools = "".join(map(declaration, conversation.tools))
        switch = "<|think|>\n" if thinks else ""
        parts.append(f"<|turn>system\n{switch}{system}{tools}{_TURN_END}")
    exchanges = _exchanges(conversation.messages[int(has_system) :])
    last_user = max((place for place, exchange in enumerate(exchanges) if is_user(exchange.message)), default=-1)
    for place, exchange in enumerate(exchanges):
        before = exchanges[place - 1].message.role if place else ""
        after = exchanges[place + 1].message.role if place + 1 < len(exchanges) else ""
        parts.append(_turn(exchange, before, after, shows_thinking=place > last_user))
    return "".join(parts) + _opening(exchanges, thinks=thinks, shows_empty_thought=shows_empty_thought)


render_small = partial(_render, shows_empty_thought=False)
render_large = partial(_render, shows_empty_thought=True)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A message and the results of the tools that it called; results without a call are in none."""

    message: Message
    results: list[Message]

    @property
    def has_content(self) -> bool:
        """Whether there is text, or a picture, to be shown behind calls and results."""
        return bool(self.message.content.strip(BLANKS) or self.message.images)

    def marked(self, marks: ImageMarks) -> "_Exchange":
        """The exchange with its images marked in the order in which they are shown, its text without blanks around."""
        results = [marks.put_on(result) for result in self.results]
        content = self.message.content
        content = _without_channels(content) if self.message.role == "assistant" else content
        return _Exchange(marks.put_on(msgspec.structs.replace(self.message, content=content.strip(BLANKS))), results)


def _exchanges(messages: Sequence[Message]) -> list[_Exchange]:
    found: list[_Exchange] = []
    for message in messages:
        if message.role != "tool":
            found.append(_Exchange(message, []))
        elif found and found[-1].message.tool_calls:
            found[-1].results.append(message)
    marks = ImageMarks()
    return [exchange.marked(marks) for exchange in found]


def _opening(exchanges: list[_Exchange], *, thinks: bool, shows_empty_thought: bool) -> str:
    """What the model goes on from: behind the result of a tool, its own turn."""
    last = exchanges[-1] if exchanges else None
    if last is not None and last.message.tool_calls:
        return _THOUGHT if thinks and last.results else ""
    empty_thought = f"{_THOUGHT}{_CHANNEL_END}" if shows_empty_thought and not thinks else ""
    return f"<|turn>model\n{empty_thought}"


def _turn(exchange: _Exchange, before: str, after: str, *, shows_thinking: bool) -> str:
    message = exchange.message
    is_model = message.role == "assistant"
    goes_on = is_model and before == "assistant"
    parts = ["" if goes_on else f"<|turn>{'model' if is_model else message.role}\n"]
    if is_model and shows_thinking and message.thinking:
        parts.append(f"{_THOUGHT}{message.thinking}\n{_CHANNEL_END}")
    parts += map(_call, message.tool_calls)
    parts += [_result(message, result) for result in exchange.results]
    return "".join([*parts, message.content, _closing(exchange, after)])


def _closing(exchange: _Exchange, after: str) -> str:
    message = exchange.message
    if message.tool_calls and not exchange.results:
        return "<|tool_response>"
    is_gone_on_with = message.role == after == "assistant"
    is_being_answered = exchange.results and not exchange.has_content and not after
    return "" if is_gone_on_with or is_being_answered else _TURN_END


def _without_channels(content: str) -> str:
    first, *rest = content.split(_CHANNEL)
    return first + "".join(part.partition(_CHANNEL_END)[2] for part in rest)


def _call(call: ToolCall) -> str:
    return f"<|tool_call>call:{call.function.name}{{{NOTATION.members(arguments_object(call))}}}<tool_call|>"


def _result(caller: Message, result: Message) -> str:
    names = (call.function.name for call in caller.tool_calls if call.id == result.tool_call_id != "")
    name = next(names, result.tool_name or "unknown")
    return f"<|tool_response>response:{name}{{value:{NOTATION.quoted(result.content)}}}<tool_response|>"
