"""Tool calls found in a model's text."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.generation import ToolCallReady
from tampu.messages import Tool, ToolFunction
from tampu.parsing.tool_calls import ToolCallParser, new_call_id
from tests.parsing.explained import RULES, Reply, documented, explanation
from tests.parsing.splitting import cuts, feed_all, summary
from tests.recordings import recording

TOOLS = [Tool(function=ToolFunction(name=name)) for name in ("get_weather", "get_weather_now", "add", "")]
RECORDED = recording("prompting/parsers/generic-tools.json")


@pytest.mark.recorded("prompting/parsers, tools")
@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["name"])
def test_recorded(row, record_property):
    tools = [msgspec.convert(tool, Tool) for tool in row["tools"]]

    def read(pieces):
        return summary(feed_all(ToolCallParser(row["tag"], tools), pieces))

    calls = [(call["index"], call["name"], call["arguments"]) for call in row["tool_calls"]]
    ours, theirs = read([row["text"]]), (row["content"], "", calls)
    rule = explanation(Reply(row["text"], (row["tag"],)), theirs, ours)
    if rule:
        record_property("explained", [rule])
    assert rule is not None, (ours, theirs)
    assert read(list(row["text"])) == ours


def test_most_recordings_agree_and_every_rule_is_documented():
    assert documented() == set(RULES)
    differ = 0
    for row in RECORDED:
        parser = ToolCallParser(row["tag"], [msgspec.convert(tool, Tool) for tool in row["tools"]])
        calls = [(call["index"], call["name"], call["arguments"]) for call in row["tool_calls"]]
        differ += summary(feed_all(parser, [row["text"]])) != (row["content"], "", calls)
    assert differ <= 24, "each further one loses what Ollama has"


def parse(text, tag="<tool_call>"):
    content, _, calls = summary(feed_all(ToolCallParser(tag, TOOLS), [text]))
    return content, [(name, arguments) for _, name, arguments in calls]


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ('hi <tool_call>{"name": "add", "arguments": {}}', "hi ", [("add", {})]),
        # The name that the object gives counts, not one inside its arguments.
        ('<tool_call>{"arguments": {"q": "get_weather"}, "name": "add"}', "", [("add", {"q": "get_weather"})]),
        ('<tool_call>{"name": "functions.add", "arguments": {"a": 1}}', "", [("add", {"a": 1})]),
        ('<tool_call>{"tool": "add", "a": 1}', "", [("add", {"tool": "add", "a": 1})]),
        ('<tool_call>add{"name": "Bob"}', "", [("add", {"name": "Bob"})]),
        ('<tool_call>{"name": "add", "arguments": null}', "", [("add", {})]),
        (
            '<tool_call>{"name": "add", "arguments": {"a": 1.0, "b": [2.5, 3.0]}}',
            "",
            [("add", {"a": 1, "b": [2.5, 3]})],
        ),
        ("<tool_call>\n</tool_call>\nThe answer.", "<tool_call>\n</tool_call>\nThe answer.", []),
        ('<tool_call>{"name": "add", "arguments": [1]}', '<tool_call>{"name": "add", "arguments": [1]}', []),
        ('<tool_call>{"name": "add", "arguments": {}}<tool_call>{"name": "no', '{"name": "no', [("add", {})]),
        ('<tool_call>{"name": "add", "arguments": {}}{"x": }', '{"x": }', [("add", {})]),
        # Nearly JSON.
        ("<tool_call>{'name': 'add', 'arguments': {'a': True, 'b': None,}}", "", [("add", {"a": True, "b": None})]),
        ('<tool_call>{name: "add", arguments: {a: 1 b: 2}}', "", [("add", {"a": 1, "b": 2})]),
        ('<tool_call>{"name": "add", "arguments": {"a": 1]}</tool_call>', "", [("add", {"a": 1})]),
        ('<tool_call>{"name": "add", "arguments": {"input": "x"}]</tool_call>', "", [("add", {"input": "x"})]),
        ('<tool_call>{"name": "add", "arguments": {"a": 1}</tool_call>', "", [("add", {"a": 1})]),
        (
            (
                '<tool_call>{"name": "add", "arguments": {"a": 1}</tool_call>\n<tool_call>{"name": "get_weather", '
                '"arguments": {"b": 2}</tool_call>'
            ),
            "",
            [("add", {"a": 1}), ("get_weather", {"b": 2})],
        ),
        ('<tool_call>{"name": "add", "arguments": "{\'a\': 1}"}', "", [("add", {"a": 1})]),
        (
            '<tool_call>{"name": "add", "arguments": {"p": "C:\\dir\\x", "t": "two\nlines"}}',
            "",
            [("add", {"p": "C:\\dir\\x", "t": "two\nlines"})],
        ),
        # What is cut is not completed: nobody knows what was to come.
        ('<tool_call>{"name": "add", "arguments": {"a": 1', '<tool_call>{"name": "add", "arguments": {"a": 1', []),
        (
            '<tool_call>{"name": "add", "arguments": {"path": "/tmp',
            '<tool_call>{"name": "add", "arguments": {"path": "/tmp',
            [],
        ),
        ('<tool_call>add{"a": 1', '<tool_call>add{"a": 1', []),
    ],
)
def test_calls(text, content, calls):
    assert parse(text) == (content, calls)


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ('{"name": "add", "arguments": {}}', "", [("add", {})]),
        ('{"a": 1} {"name": "add", "arguments": {}}', '{"a": 1} {"name": "add", "arguments": {}}', []),
        ('{"name": "add", "arguments": {"a": 1]', "", [("add", {"a": 1})]),
        ('{"name": "add", "arguments": {"a": 1', '{"name": "add", "arguments": {"a": 1', []),
        ("{'name': 'add', 'arguments': {'a': 1}}", "", [("add", {"a": 1})]),
        ("plain JSON {", "plain JSON {", []),
    ],
)
def test_bare_objects(text, content, calls):
    assert parse(text, "{") == (content, calls)


def test_text_and_call_in_one_piece_come_in_order():
    events = feed_all(ToolCallParser("<tool_call>", TOOLS), ['a <tool_call>{"name": "add", "arguments": {}}'])
    assert events == [("text", "a "), ("call", (0, "add", {}))]


def test_a_call_is_ready_as_soon_as_it_is_whole():
    parser = ToolCallParser("<tool_call>", TOOLS, make_id=lambda: "id")
    assert parser.feed('<tool_call>{"name": "add", "arguments": {"a": 1}') == []
    (event,) = parser.feed("}")
    assert isinstance(event, ToolCallReady)
    assert event.call.id == "id"


def test_ids_look_as_clients_know_them():
    assert msgspec.convert(new_call_id(), str).startswith("call_")
    assert len({new_call_id() for _ in range(50)}) == 50


PARTS = [
    "<tool_call>",
    "</tool_call>",
    "<tool",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "'",
    ":",
    ", ",
    '"name": "add"',
    "add",
    " x",
    '"arguments": {"a": 1}',
    '{"name": "add", "arguments": {"b": "}"}}',
    "get_weather",
    "_now",
    "\n",
    '{"a": 1}',
]
texts = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)


@given(
    texts.flatmap(lambda text: st.tuples(st.just(text), cuts(text))),
    st.sampled_from(["<tool_call>", "{", "[", "[X] ["]),
)
def test_any_split_gives_the_same(case, tag):
    text, pieces = case
    assert feed_all(ToolCallParser(tag, TOOLS), pieces) == feed_all(ToolCallParser(tag, TOOLS), [text])


@given(texts, st.sampled_from(["<tool_call>", "{", "["]))
def test_without_a_call_no_text_is_lost(text, tag):
    content, calls = parse(text, tag)
    if not calls:
        before, found, behind = text.partition(tag)
        is_tag_alone = tag == "<tool_call>" and found and not behind.strip()
        assert content == (before if is_tag_alone else text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4), st.booleans())
def test_arguments_come_as_written(arguments, is_ascii):
    text = json.dumps({"name": "add", "arguments": arguments}, ensure_ascii=is_ascii)
    ((name, found),) = parse(f"<tool_call>{text}</tool_call>")[1]
    assert (name, found, list(found)) == ("add", arguments, list(arguments))


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>" + "{" * 100_000,
        "<tool_call>" + "[" * 100_000,
        "<tool_call>" + '{"a":' * 20_000 + "1" + "}" * 20_000,
        "<tool_call>" + "{}" * 50_000,
        "<tool_call>" + '{"name":"add","arguments":{}<' * 20_000,
        "<tool_call>" + "{'a': " + '"' * 100_000,
        "<tool_call>{'a': '" + "\\" * 100_000 + "'}",
        "<tool_call>" * 50_000,
        '<tool_call>{"name": "add", "arguments": {"a": ' + "9" * 100_000 + "}}",
        "<" * 100_000,
    ],
)
def test_hostile_text_ends(text):
    feed_all(ToolCallParser("<tool_call>", TOOLS), [text[start : start + 1000] for start in range(0, len(text), 1000)])
