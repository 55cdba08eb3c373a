"""Tags and abilities that a template tells."""

import pytest

from tampu.templates.facts import ThinkingTags, can_do_tool_round_trip, thinking_tags, tool_tag
from tampu.templates.template import parse_template
from tests.recordings import recording

FACTS = recording("prompting/templates/facts.json")


@pytest.mark.parametrize("row", FACTS, ids=lambda row: row["template"])
def test_recorded_tags(row):
    template = parse_template(recording(f"prompting/templates/{row['template']}.json")["template"])
    tags = thinking_tags(template)
    assert (tags.opening if tags else "", tags.closing if tags else "") == (row["opening"], row["closing"])
    assert tool_tag(template) == row["tool_tag"]


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ("{{ if .Thinking }}<t>{{ .Thinking }}</t>{{ end }}", ThinkingTags("<t>", "</t>")),
        ("{{ if .Thinking }}<t> {{ .Thinking }} </t>x{{ end }}", ThinkingTags("<t>", "</t>x")),
        ("{{ if .Thinking }}{{ .Thinking }}</t>{{ end }}", None),
        ("{{ range .ToolCalls }}<t>{{ .Thinking }}</t>{{ end }}", None),
    ],
)
def test_thinking_tags(body, tags):
    assert thinking_tags(parse_template(f"{{{{ range .Messages }}}}{body}{{{{ end }}}}")) == tags


def test_only_the_field_counts():
    template = parse_template("{{ range $m := .Messages }}<t>{{ $m.Thinking }}</t>{{ end }}")
    assert thinking_tags(template) is None


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        ("{{ if .ToolCalls }}\n<call>{{ .ToolCalls }}{{ end }}", "<call>"),
        ('{{ if .ToolCalls }}{{ range .ToolCalls }}[X] {"name": "{{ .Function.Name }}"}{{ end }}{{ end }}', "[X]"),
        ("{{ if .ToolCalls }}{{ .Content }}<call>{{ end }}", "{"),
        ("{{ range .ToolCalls }}<call>{{ end }}", "{"),
        ("{{ if $m.ToolCalls }}<call>{{ end }}", "{"),
        ("{{ if and .Content (not .ToolCalls) }}A{{ end }}", "{"),
        ("{{ if .ToolCalls }}{{ if .A }}{{ end }}<call>{{ end }}", "{"),
        ("{{ with .Content }}{{ else }}{{ if .ToolCalls }}<b>{{ end }}{{ end }}", "<b>"),
    ],
)
def test_tool_tag(body, tag):
    assert tool_tag(parse_template(f"{{{{ range $m := .Messages }}}}{body}{{{{ end }}}}")) == tag


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ('{{ .Tools }}{{ .ToolCalls }}{{ if eq .Role "tool" }}{{ end }}{{ .Messages }}', True),
        ("{{ .Tools }}{{ .ToolCalls }}<tool_response>{{ .Messages }}", True),
        ("{{ .Tools }}<tool_response>{{ .Messages }}", False),
        ("{{ .Tools }}{{ .ToolCalls }}{{ .Messages }}", False),
    ],
)
def test_tool_round_trip(text, can):
    assert can_do_tool_round_trip(parse_template(text)) is can
