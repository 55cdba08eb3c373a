"""Claims about the named formats of published models: rendering long conversations, reading long replies."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.measures import Row
from tampu.messages import Message, Tool, ToolCall, ToolCallFunction, ToolFunction, ToolParameters, ToolProperty
from tampu.parsing.formats.registry import PARSERS, parser_named
from tampu.parsing.formats.request import ReplyRequest
from tampu.templates.renderers.registry import RENDERERS, renderer_named

TOKENS, TOKEN = 4_000, 4
TURNS, _MORE_TURNS = 2, 9
_SUSPECTS = 5


def format_rows() -> Iterator[Row]:
    """The slowest of all formats, by name."""
    conversation, tools = long_conversation(), twenty_tools()

    def render(name: str) -> Callable[[], object]:
        return lambda: renderer_named(name).prompt(conversation, tools=tools, think=True)

    took, name = max((_best_s(render(name)) * 1e3, name) for name in RENDERERS)
    what = f"rendering {len(conversation)} messages with {len(tools)} tools, slowest of {len(RENDERERS)} formats"
    yield Row(what, "", f"{took:.1f} ms ({name})", "", "at most 5 ms", took <= 5)
    cost, name = _worst(_reading_us)
    what = f"reading a reply, for each token, slowest of {len(PARSERS)} formats on replies that would take long"
    yield Row(what, "", f"{cost:.1f} us ({name})", "", "at most 10 us", cost <= 10)
    growth, name = _worst(_growth)
    what = "the same for a reply of twice the length, against one of the length"
    yield Row(what, "", f"{growth:.2f}x ({name})", f"{growth:.2f}x", "at most 1.5", growth <= 1.5)


def _worst(measure: Callable[[str, int, int], float]) -> tuple[float, str]:
    """The largest measure of any format and flood: the few that look worst are looked at again, longer."""
    floods_of = [(name, number) for name in PARSERS for number in range(len(list(floods(name, TOKEN))))]
    suspects = sorted(floods_of, key=lambda flood: measure(*flood, TURNS), reverse=True)[:_SUSPECTS]
    return max((measure(*flood, _MORE_TURNS), flood[0]) for flood in suspects)


def _reading_us(name: str, number: int, turns: int) -> float:
    """Microseconds for a token of a flood."""
    text = list(floods(name, TOKENS * TOKEN))[number]
    return _best_s(partial(_read, name, text), turns) / len(text) * TOKEN * 1e6


def _growth(name: str, number: int, turns: int) -> float:
    """By how much more a token takes in a flood of twice the length."""
    long, short = (list(floods(name, size))[number] for size in (TOKENS * TOKEN, TOKENS * TOKEN // 2))
    taken = [_best_s(partial(_read, name, text), turns) / len(text) for text in (long, short)]
    return taken[0] / taken[1]


def _read(name: str, text: str) -> None:
    parser = parser_named(name).parser(ReplyRequest(tools=twenty_tools(), think=False))
    for place in range(0, len(text), TOKEN):
        parser.feed(text[place : place + TOKEN])
    parser.feed("", last=True)


def floods(name: str, size: int) -> Iterator[str]:
    """Replies that would take long in square time: text, half calls, blanks, one call without end."""
    yield "word " * (size // 5)
    yield " " * size
    yield "{" * size
    yield '<parameter=<function="' * (size // 22)
    for tag in parser_named(name).preserved:
        yield tag * (size // len(tag))
        yield tag[:-1] * (size // len(tag))
        yield tag + "a{" * (size // 2)
        yield tag + '{"a": "' + "\\" * size


def long_conversation() -> Sequence[Message]:
    """200 messages, a fifth of them calls and their results."""
    call = ToolCall(ToolCallFunction("tool_3", {"city": "Paris", "list": [1, {"b": 2, "a": None}]}), id="c")
    turns = [
        Message("user", "What is it like? " * 10),
        Message("assistant", "", "I shall look.", tool_calls=(call,)),
        Message("tool", '{"sky": "clear"}' * 5, tool_name="tool_3", tool_call_id="c"),
        Message("assistant", "It is fine. " * 20, "Now I know."),
    ]
    return [Message("system", "Be brief."), *turns * 49, Message("user", "And now?"), *turns[1:3]]


def twenty_tools() -> list[Tool]:
    """Tools of five arguments each."""
    names = {"city": "string", "unit": "string", "days": "integer", "list": "array", "more": "object"}
    properties = {name: ToolProperty(type=kind, description="What it is for") for name, kind in names.items()}
    parameters = ToolParameters(type="object", required=["city"], properties=properties)
    return [Tool(ToolFunction(f"tool_{i}", "Looks something up", parameters), "function") for i in range(20)]


def _best_s(work: Callable[[], object], turns: int = TURNS) -> float:
    """Seconds of the processor: others on the machine do not count."""
    taken = []
    for _ in range(turns):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)
