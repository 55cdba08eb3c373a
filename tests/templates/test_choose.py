"""Which path makes a model's prompts."""

import pytest

from tampu.generation import Capability
from tampu.templates.choose import (
    PromptChoice,
    PromptPath,
    PromptSources,
    can_jinja_do_tool_round_trip,
    choose_path,
    go_capabilities,
    is_harmony,
    jinja_capabilities,
)
from tampu.templates.template import parse_template
from tests.recordings import recording

GO, ENGINE, RENDERER = PromptPath.GO_TEMPLATE, PromptPath.ENGINE, PromptPath.RENDERER
PLAIN = parse_template("{{ .Messages }}")
RICH_JINJA = "{{ tools }}<think></think>"


@pytest.mark.recorded("prompting/path")
@pytest.mark.parametrize("row", recording("prompting/path.json"), ids=lambda row: "-".join(row["names"]))
def test_recorded_paths(row):
    go = parse_template(row["go"]) if row["go"] else None
    choice = choose_path(PromptSources(go=go, jinja=row["jinja"]))
    shown = row["jinja"] if choice.uses_jinja else row["go"] or "{{ .Prompt }}"
    assert shown == row["show_template"]
    found = jinja_capabilities(row["jinja"]) if choice.uses_jinja else go_capabilities(go) if go else frozenset()
    assert {capability.value for capability in found} | {"completion"} == set(row["capabilities"])


@pytest.mark.parametrize(
    ("sources", "setting", "chat", "generate"),
    [
        (PromptSources(), None, ENGINE, GO),
        (PromptSources(jinja="x"), None, ENGINE, ENGINE),
        (PromptSources(go=PLAIN), None, GO, GO),
        (PromptSources(go=PLAIN, jinja=RICH_JINJA), None, ENGINE, ENGINE),
        (PromptSources(go=PLAIN, jinja=RICH_JINJA), True, GO, GO),
        (PromptSources(go=PLAIN, jinja="x"), False, ENGINE, ENGINE),
        (PromptSources(go=PLAIN), False, ENGINE, GO),
        (PromptSources(parser="unknown", jinja="x"), None, GO, GO),
        (PromptSources(renderer="r", parser="p", go=PLAIN, jinja="x"), True, RENDERER, RENDERER),
        (PromptSources(family="gptoss", go=parse_template("<|start|><|end|>"), jinja=RICH_JINJA), None, GO, GO),
        (PromptSources(family="gptoss", go=PLAIN, jinja=RICH_JINJA), None, ENGINE, ENGINE),
    ],
)
def test_paths(sources, setting, chat, generate):
    assert choose_path(sources, go_template=setting) == PromptChoice(chat, generate)


def test_harmony_needs_family_and_format():
    template = parse_template("<|start|><|end|>")
    assert is_harmony("gpt-oss", template)
    assert not is_harmony("llama", template)
    assert not is_harmony("gptoss", None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tools", {Capability.TOOLS}),
        ("tool_call", {Capability.TOOLS}),
        ("<think>", set()),
        ("<think></think>", {Capability.THINKING}),
        ("content.split('</think>')", {Capability.THINKING}),
        ('content.split("</think>") <SPECIAL_12>', set()),
        ("text.split( '</think>' )", set()),
    ],
)
def test_jinja_capabilities(text, found):
    assert jinja_capabilities(text) == found


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ("tools tool_calls tool_response", True),
        ("tools tool_calls message['role'] == 'tool'", True),
        ('tools assistant_tool_call message.role == "tool"', True),
        ("tools tool_calls", False),
        ("tool_calls ipython", True),
        ("tools tool_calls m.role == 'tool'", False),
        ("tools tool_calls message.role=='tool'", False),
    ],
)
def test_jinja_tool_round_trip(text, can):
    assert can_jinja_do_tool_round_trip(text) is can
