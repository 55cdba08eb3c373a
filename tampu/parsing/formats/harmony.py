"""Harmony, the format of gpt-oss: messages on channels, calls as messages to a recipient.

The names of functions are made safe for the prompt; `renamed_tools` does it, and the parser maps them back.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tampu.messages import Tool
from tampu.parsing.formats.machine import Exit, FormatParser, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import read_object
from tampu.parsing.formats.request import ReplyRequest

FINAL_MESSAGE: Final = "<|end|><|start|>assistant<|channel|>final<|message|>"
"""Ends thoughts that are shown in the prompt, and begins the answer."""
_CHANNEL, _CONSTRAIN = "<|channel|>", "<|constrain|>"
_RECIPIENT: Final = "to="
_CALL_END: Final = "<|call|>"
_BUILT_IN: Final = frozenset({"browser.open", "browser.search", "browser.find", "python"})
_SEPARATORS = re.compile(r"[ .-]")
_ILLEGAL = re.compile(r"[^0-9A-Za-z_$]")
_END: Final = {"<|end|>": Exit("between", is_text=False)}
_PLACES: Final[Mapping[str, Place]] = {
    "header": Place(Sink.HEADER, {"<|message|>": Exit("text")}),
    "thinking": Place(Sink.THINKING, _END, drops_blanks=False),
    "text": Place(Sink.TEXT, _END, drops_blanks=False),
    "call": Place(Sink.CALL, _END),
    "between": Place(Sink.NOTHING, {"<|start|>": Exit("header")}),
}


def parser(request: ReplyRequest) -> FormatParser:
    """Harmony: at a header, unless an answer, or its thinking, is gone on with."""
    start = "header"
    if request.is_prefilled:
        start = "text"
    elif request.last is not None and request.last.role == "assistant" and request.last.thinking:
        start = "thinking"
    message = _Message(safe_names(request.tools))
    return FormatParser(_PLACES, start, read=message.read, route=message.route, open_header=_headless)


def _headless(text: str) -> str:
    """An answer without any header; a header that was cut is no text."""
    is_cut_header = "<|" in text or (text.lstrip().startswith(_RECIPIENT) and len(text.split()) == 1)
    return "" if is_cut_header or text.isspace() else text


class _Message:
    """The message that is being read. `names`: the names of functions by those of the prompt."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names, self._recipient = names, ""

    def route(self, header: str) -> str:
        """What kind of text the message is; its recipient counts on two channels only."""
        spoken, _, behind = header.replace(_CONSTRAIN, f" {_CONSTRAIN}", 1).partition(_CHANNEL)
        name = "" if behind[:1].isspace() else next(iter(behind.split(maxsplit=1)), "")
        # The role comes first, unless the prompt ended with it; behind it the recipient, wherever the channel stands.
        before = spoken.split()
        words = [*before[bool(before) and not before[0].startswith(_RECIPIENT) :], *behind.removeprefix(name).split()]
        recipient = words[0] if words and words[0].startswith(_RECIPIENT) else ""
        if recipient and name in {"analysis", "commentary"}:
            self._recipient = recipient.removeprefix(_RECIPIENT)
            return "call"
        return "thinking" if name == "analysis" else "text"

    def read(self, text: str) -> list[ReadCall]:
        """The call of a function; raises MalformedCall."""
        name = self._recipient.removeprefix("functions.")
        arguments = text.strip().removesuffix(_CALL_END)
        found = {} if arguments in {"", "null"} else read_object(arguments)
        return [ReadCall(self._names.get(name, name), found)]


def renamed_tools(tools: Sequence[Tool]) -> tuple[Tool, ...]:
    """Tools as the prompt names them."""
    names = safe_names(tools)
    return tuple(
        msgspec.structs.replace(tool, function=msgspec.structs.replace(tool.function, name=name))
        for tool, name in zip(tools, names, strict=True)
    )


def safe_names(tools: Sequence[Tool]) -> dict[str, str]:
    """The names of tools by names that a TypeScript function can have, in the order of the tools."""
    found: dict[str, str] = {}
    for tool in tools:
        wanted = _safe_name(tool.function.name)
        name, count = wanted, 1
        while name in found:
            count += 1
            name = f"{wanted}_{count}"
        found[name] = tool.function.name
    return found


def _safe_name(name: str) -> str:
    if name in _BUILT_IN:
        return name
    safe = _ILLEGAL.sub("", _SEPARATORS.sub("_", name)) or "unnamed"
    return f"_{safe}" if safe[0].isdigit() else safe
