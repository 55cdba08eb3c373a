"""Olmo 3: ChatML with tools as JSON and calls as Python writes them; the thinking variants know no tools."""

from functools import partial
from typing import Final

from tampu.messages import Message, ToolCall
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation
from tampu.templates.renderers.json_style import COMPACT, SPACED
from tampu.templates.renderers.tool_data import sorted_arguments, tool_object

_NO_FUNCTIONS: Final = " You do not currently have access to any functions. <functions></functions>"
_WITH_FUNCTIONS: Final = (
    " You are provided with function signatures within <functions></functions> XML tags. You may call one or more "
    "functions to assist with the user query. Output any function calls within <function_calls></function_calls> XML "
    "tags. Do not make assumptions about what values to plug into functions."
)
_HELPFUL: Final = "You are a helpful function-calling AI assistant."
_OLMO: Final = (
    "You are Olmo, a helpful AI assistant built by Ai2. Your date cutoff is December 2024, and your model weights "
    "are available at https://huggingface.co/allenai."
)


def _first_system(conversation: Conversation) -> str | None:
    return next((message.content for message in conversation.messages if message.role == "system"), None)


def _render(conversation: Conversation, *, identity: str) -> str:
    parts = [chatml.turn("system", _system(conversation, identity))]
    said = [message for message in conversation.messages if message.role != "system"]
    last = len(said) - 1
    is_open = False
    for index, message in enumerate(said):
        match message.role:
            case "user":
                parts.append(chatml.turn("user", message.content))
            case "tool":
                parts.append(chatml.turn("environment", message.content))
            case "assistant":
                is_open = index == last and bool(message.content) and not message.tool_calls
                parts.append(_answer(message, is_last=index == last))
    if not is_open:
        parts.append(chatml.opened("assistant"))
    return "".join(parts)


def _system(conversation: Conversation, identity: str) -> str:
    own = _first_system(conversation)
    if not conversation.tools:
        return identity + _NO_FUNCTIONS if own is None else own
    tools = SPACED.text([tool_object(tool) for tool in conversation.tools])
    return f"{identity + _WITH_FUNCTIONS if own is None else own}<functions>{tools}</functions>"


def _answer(message: Message, *, is_last: bool) -> str:
    calls = "\n".join(map(_call, message.tool_calls))
    if calls:
        return chatml.turn("assistant", f"{message.content}<function_calls>{calls}</function_calls>")
    return chatml.opened("assistant", message.content) if is_last else chatml.turn("assistant", message.content)


def _call(call: ToolCall) -> str:
    arguments = (f"{name}={COMPACT.text(value)}" for name, value in sorted_arguments(call).items())
    return f"{call.function.name}({', '.join(arguments)})"


def _render_think(conversation: Conversation, *, identity: str) -> str:
    own = _first_system(conversation)
    parts = [chatml.turn("system", identity if own is None else own + _NO_FUNCTIONS)]
    said = (message for message in conversation.messages if message.role in {"user", "assistant"})
    parts += [chatml.turn(message.role, message.content) for message in said]
    return "".join([*parts, chatml.opened("assistant", "<think>")])


render = partial(_render, identity=_HELPFUL)
render_3_1 = partial(_render, identity=_OLMO)
render_think = partial(_render_think, identity=_OLMO)
render_32b_think = partial(_render_think, identity="You are a helpful AI assistant.")
