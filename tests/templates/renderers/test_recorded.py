"""The prompts of the named renderers, byte for byte as recorded, and what holds for any conversation."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.format_measures import long_conversation, twenty_tools
from tampu.errors import BadRequest, UnknownFormat
from tampu.messages import Message, ToolCall, ToolCallFunction
from tampu.templates.renderers.registry import RENDERERS, renderer_named
from tests.recordings import recording
from tests.templates.golden import TODAY, to_messages, to_tools, with_dates

NAMES = sorted(RENDERERS)
REASONS = ["no user query", "no messages", "cannot contain images"]


def test_every_recorded_renderer_is_there():
    assert {row["renderer"] for row in recording("prompting/renderers/facts.json")} == set(NAMES)


def rendered(name, row):
    """The prompt, or the error, of a recorded case."""
    messages, tools = to_messages(row["messages"]), to_tools(row.get("tools", []))
    try:
        return renderer_named(name).prompt(messages, tools=tools, think=row["think"], today=TODAY)
    except BadRequest as error:
        return error.message


@pytest.mark.parametrize("name", NAMES)
def test_recorded(name, tally):
    rows = recording(f"prompting/renderers/{name}.json")
    assert rows
    for row in rows:
        # Where Ollama prints the keys of a schema in random order, any of them is right.
        right = [row.get("prompt", row.get("error")), *row.get("also", [])]
        with tally.case("prompting/renderers"):
            assert rendered(name, row) in [with_dates(text) for text in right], row["name"]


def test_nemotron_quotes_texts_inside_values_as_go_does():
    call = ToolCall(ToolCallFunction("f", {"a": ['"x"\x01\x7f\u00a0é', True], "b": "\x01"}))
    prompt = renderer_named("nemotron-3-nano").prompt([Message("assistant", "", tool_calls=(call,))], today=TODAY)
    assert '\n["\\"x\\"\\x01\\x7f\\u00a0é", true]\n' in prompt
    assert "\n\x01\n" in prompt


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownFormat, match=r'^unknown renderer "nonsense"; .*cogito, .*qwen3\.8$'):
        renderer_named("nonsense")


@pytest.mark.parametrize("name", NAMES)
def test_images_are_marked_by_the_formats_that_take_them(name):
    prompt = renderer_named(name).prompt([Message("user", "see", images=(b"a", b"b"))], today=TODAY)
    assert ("[img-0][img-1] see" in prompt) == renderer_named(name).takes_images
    assert ("[img-" in prompt) == renderer_named(name).takes_images


roles = st.sampled_from(["system", "developer", "user", "assistant", "tool", "critic"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
calls = st.builds(
    lambda name, arguments, key: ToolCall(ToolCallFunction(name, arguments), id=key),
    st.text(max_size=4),
    st.dictionaries(st.text(max_size=4), values, max_size=3),
    st.text(max_size=2),
)
texts = st.lists(st.sampled_from(["hi", "<think>", "</think>", " ", "\n", "/no_think", "[img]", "é"])).map("".join)
messages = st.builds(
    Message,
    roles,
    texts,
    texts,
    st.lists(st.just(b"x"), max_size=2).map(tuple),
    st.lists(calls, max_size=2).map(tuple),
    st.text(max_size=2),
    st.text(max_size=2),
)


@given(st.sampled_from(NAMES), st.lists(messages, max_size=5), st.sampled_from([None, True, False, "low", "max"]))
def test_any_conversation_has_a_prompt_or_a_reason(name, conversation, think):
    result = outcome(name, conversation, think)
    assert isinstance(result, str) or any(reason in result.message for reason in REASONS)


def outcome(name, conversation, think):
    try:
        return renderer_named(name).prompt(conversation, think=think, today=TODAY)
    except BadRequest as error:
        return error


@pytest.mark.parametrize("name", NAMES)
def test_long_conversations_take_milliseconds(name):
    """The promise is 5 ms; the bound here leaves room for a slow machine with other work, and sees a square."""
    conversation, tools = long_conversation(), twenty_tools()
    seconds = []
    for _ in range(5):
        start = time.process_time()
        renderer_named(name).prompt(conversation, tools=tools, think=True, today=TODAY)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05
