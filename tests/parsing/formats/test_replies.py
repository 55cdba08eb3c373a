"""Replies that models give now and then, and what the parsers of the named formats make of them."""

import time

import pytest

from tampu.messages import Message, Tool, ToolFunction, ToolParameters, ToolProperty
from tampu.parsing.formats.registry import parser_named
from tampu.parsing.formats.request import ReplyRequest
from tests.parsing.splitting import feed_all, summary


def tool(called, **types):
    properties = {argument: ToolProperty(type=kind) for argument, kind in types.items()}
    return Tool(function=ToolFunction(name=called, parameters=ToolParameters(properties=properties)))


TOOLS = [tool("book", seat="integer", name="string"), tool("stop")]
ATEM = '<atem:function_calls>\n<atem:invoke name="{}">\n</atem:invoke>\n</atem:function_calls>'


def read(name, text, *, think=None, last=None, tools=TOOLS):
    def reading(pieces):
        parser = parser_named(name).parser(ReplyRequest(tools=tools, think=think, last=last))
        content, thinking, calls = summary(feed_all(parser, pieces))
        return content, thinking, [(called, arguments) for _, called, arguments in calls]

    whole = reading([text])
    assert reading(list(text)) == whole
    return whole


@pytest.mark.parametrize(
    ("name", "text", "content", "calls"),
    [
        # The name as an attribute.
        (
            "qwen3-coder",
            '<tool_call><function name="book"><parameter name="seat">\n4\n</parameter></function></tool_call>',
            "",
            [("book", {"seat": 4})],
        ),
        # The end of a call is misspelt: what stands behind it is not lost.
        (
            "qwen3-coder",
            "<tool_call><function=stop></function></tool_cal>Then.\n<tool_call><function=stop></function></tool_call>!",
            "</tool_cal>Then.\n<tool_call><function=stop></function></tool_call>!",
            [("stop", {})],
        ),
        ("qwen3-coder", "<tool_call><function=stop></function>Then.</tool_", "Then.</tool_", [("stop", {})]),
        ("gemma4", "<|tool_call>call:stop{}<tool_cal|> Then.", "<tool_cal|> Then.", [("stop", {})]),
        # The call is over, but for brackets; what lacks a value is none.
        ("gemma4", '<|tool_call>call:book{name:<|"|>a {b} c<tool_call|>!', "!", [("book", {"name": "a {b} c"})]),
        (
            "gemma4",
            '<|tool_call>call:book{name:<|"|>a<|"|>,seat:3<tool_call|>',
            "",
            [("book", {"name": "a", "seat": 3})],
        ),
        ("gemma4", "<|tool_call>call:book{seat:[1,{a:2}<tool_call|>", "", [("book", {"seat": [1, {"a": 2}]})]),
        ("gemma4", "<|tool_call>call:book{seat:<tool_call|>", "<|tool_call>call:book{seat:<tool_call|>", []),
        ("functiongemma", "<start_function_call>call:stop{}} Then.<end", "Then.<end", [("stop", {})]),
        # Escapes stay in a text, and count in a list; keys may hold blanks.
        (
            "lfm2",
            r"<|tool_call_start|>[book(name='a\\b', tags=['a\\b', True], its place=3)]<|tool_call_end|>",
            "",
            [("book", {"name": r"a\\b", "tags": [r"a\b", True], "its place": 3})],
        ),
        (
            "lfm2",
            r"<|tool_call_start|>[book(tags=['it\'s', 'so \"so\"'])]<|tool_call_end|>",
            "",
            [("book", {"tags": ["it's", 'so "so"']})],
        ),
        (
            "lfm2",
            "<|tool_call_start|><|tool_call_start|>[stop()]<|tool_call_end|>",
            "",
            [("stop", {})],
        ),
        ("lfm2", "<|tool_call_start|>[book(seat={now: 1})]<|tool_call_end|>", "", [("book", {"seat": "{now: 1}"})]),
        (
            "olmo3",
            "<function_calls>book(seat=row(4), name=first come)</function_calls>",
            "",
            [("book", {"seat": "row(4)", "name": "first come"})],
        ),
        # Tags that were left out.
        (
            "glm-ocr",
            "<tool_call>book\n<arg_key>seat</arg_key>7</arg_value>\n</tool_call>",
            "",
            [("book", {"seat": 7})],
        ),
        (
            "glm-ocr",
            "<tool_call>book seat</arg_key><arg_value>7<arg_key>name</arg_key>Bo</arg_value></tool_call>",
            "",
            [("book", {"seat": 7, "name": "Bo"})],
        ),
        ("gemma4", '<|tool_call>call:book{name:"a\\tb"}<tool_call|>', "", [("book", {"name": "a\tb"})]),
        (
            "gemma4",
            "<|tool_call>call:stop{}<tool_cal|>So.<|tool_call>call:stop{}<tool_call|>",
            "<|tool_call>call:stop{}<tool_cal|>So.<|tool_call>call:stop{}<tool_call|>",
            [],
        ),
        (
            "functiongemma",
            "<start_function_call>\n<start_function_call>call:book{my seat:3}<end_function_call>",
            "",
            [("book", {"my seat": 3})],
        ),
        ("laguna", '<tool_call>{"NAME": "stop", "Arguments": {}}</tool_call>', "", [("stop", {})]),
        # Without a name the arguments are all there is; with another key there is more to tell.
        ("qwen3-vl-instruct", '<tool_call>{"arguments": {"seat": 1}}</tool_call>', "", [("", {"seat": 1})]),
        (
            "qwen3-vl-instruct",
            '<tool_call>{"tool": "stop"}</tool_call>',
            '<tool_call>{"tool": "stop"}</tool_call>',
            [],
        ),
        # The end of a call is missing, that of all calls is there.
        (
            "deepseek3",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>stop<｜tool▁sep｜>{}<｜tool▁calls▁end｜>Done.",
            "Done.",
            [("stop", {})],
        ),
        ("deepseek3", "a<｜tool▁output▁end｜>b", "a<｜tool▁output▁end｜>b", []),
        # A message that is a call and no more, whoever it goes to.
        ("glimmer", f" to=user<|message|> {ATEM.format('stop')}<|eot|>", "", [("stop", {})]),
        ("glimmer", f" to=user<|message|>{ATEM.format('stop')} So.<|eot|>", f"{ATEM.format('stop')} So.", []),
        ("glimmer", f" to=x.stop<|message|>{ATEM.format('x.stop')}<|eot|>", ATEM.format("x.stop"), []),
        ("glimmer", " to=stop<|message|>\nNo.<|eot|>", "\nNo.", []),
        # Nobody is named for the second message, whoever the first one went to.
        (
            "glimmer",
            f" to=book<|message|>No.<|eom|><|start|>assistant<|message|>{ATEM.format('stop')}<|eot|>",
            "No.",
            [("stop", {})],
        ),
        ("glimmer", "assistant to user<|message|>No.<|eot|>", "assistant to userNo.", []),
        ("glimmer", " to=us", " to=us", []),
        ("glimmer", "<|start|>assistant to=us", " to=us", []),
        ("glimmer", " \n", " \n", []),
        # Headers.
        ("harmony", "I forgot.", "I forgot.", []),
        ("harmony", " \n", "", []),
        ("harmony", "<|channel|>fin", "", []),
        ("harmony", " to=functions.st", "", []),
        ("harmony", "<|channel|>commentary code to=stop<|message|>{}", "{}", []),
        ("harmony", "<|channel|>commentary to=stop<|constrain|>json<|message|>{}", "", [("stop", {})]),
        ("harmony", "<|channel|> analysis<|message|>So.", "So.", []),
        (
            "harmony",
            "<|channel|>commentary to=stop<|message|>{a}<|end|><|start|>assistant<|channel|>final<|message|>So.",
            "{a}So.",
            [],
        ),
    ],
)
def test_calls_and_headers(name, text, content, calls):
    assert read(name, text, think=False) == (content, "", calls)


@pytest.mark.parametrize(
    ("name", "text", "content", "thinking"),
    [
        # One blank belongs to the first word.
        ("nemotron-3-nano", "\n\n  Hm.</think>So.", "So.", " Hm."),
        ("nemotron-3-nano", " <think>\n  Hm.</think>So.", "So.", "Hm."),
        ("laguna", "Hm.<tool_call>stop</tool_call>\n\nSo.", "So.", "Hm."),
        ("laguna", "Hm.</think>So.<tool_call>stop</tool_call>\n\nSo.", "So.\n\nSo.", "Hm."),
    ],
)
def test_blanks_around_thoughts(name, text, content, thinking):
    assert read(name, text, think=True)[:2] == (content, thinking)


def test_behind_a_result_thoughts_of_gemma_begin_without_a_channel():
    result = Message("tool", "4")
    assert read("gemma4", "thought\nHm.<channel|>So.", think=True, last=result) == ("So.", "thought\nHm.", [])


SIZE = 40_000
HOSTILE = [
    ("lfm2", f"<|tool_call_start|>[book(a=[{body}])]<|tool_call_end|>")
    for body in ("\\'" * SIZE, "'" * SIZE, "(" * SIZE, '"\\' * SIZE, "True " * SIZE)
] + [
    ("olmo3", f"<function_calls>book(a={'[' * SIZE})</function_calls>"),
    ("olmo3", f"<function_calls>book({'a' * SIZE})</function_calls>"),
    ("glm-ocr", f"<tool_call>book{'<arg_key>' * SIZE}</tool_call>"),
    ("glm-ocr", f"<tool_call>book{'x</arg_value>' * SIZE}</tool_call>"),
    ("qwen3-coder", f"<tool_call><function name={' ' * SIZE}</tool_call>"),
    ("qwen3-coder", "<tool_call><function=a>" + "<parameter name=" * SIZE + "</tool_call>"),
    ("functiongemma", "<start_function_call>call:book{" + "a b " * SIZE + "}<end_function_call>"),
    ("glimmer", f" to=book<|message|><atem:function_calls>{'</atem:function_calls>' * SIZE}"),
]


@pytest.mark.parametrize(("name", "text"), HOSTILE, ids=lambda value: value[:40])
def test_hostile_calls_take_linear_time(name, text):
    parser = parser_named(name).parser(ReplyRequest(tools=TOOLS, think=False))
    start = time.process_time()
    for place in range(0, len(text), 4):
        parser.feed(text[place : place + 4])
    parser.feed("", last=True)
    assert (time.process_time() - start) / (len(text) / 4) < 100e-6


HALVES = [
    ("qwen3", r'<tool_call>{"name": "stop\udc00", "arguments": {"\ud83dk": ["a\ud83d", "\ud83d\ude00"]}}</tool_call>'),
    (
        "cohere",
        r'<|START_ACTION|>[{"tool_name": "stop\udc00", "parameters": {"\ud83dk": ["a\ud83d", "\ud83d\ude00"]}}]',
    ),
    ("gemma4", r'<|tool_call>call:stop�{"\ud83dk":["a\ud83d","\ud83d\ude00"]}<tool_call|>'),
]


@pytest.mark.parametrize(("name", "text"), HALVES)
def test_half_a_character_is_told_as_one_that_nobody_knows(name, text):
    text = text.replace(r"\ufffd", "\ufffd")
    assert read(name, text, think=False)[2] == [("stop\ufffd", {"\ufffdk": ["a\ufffd", "\U0001f600"]})]


DEEP = "[" * 900 + "]" * 900


@pytest.mark.parametrize(
    ("name", "text", "calls"),
    [
        (
            "qwen3-coder",
            f"<tool_call><function=book><parameter=seats>{DEEP}</parameter></function></tool_call>",
            [("book", {"seats": DEEP})],
        ),
        ("cohere", f'<|START_ACTION|>[{{"tool_name": "stop", "parameters": {{"a": {DEEP}}}}}]<|END_ACTION|>', []),
    ],
)
def test_values_that_are_too_deep_inside_one_another_stay_text(name, text, calls):
    tools = [tool("book", seats="array"), tool("stop")]
    content, _, found = read(name, text, think=False, tools=tools)
    assert found == calls
    assert bool(content) != bool(calls)
