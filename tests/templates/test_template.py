"""Variables of templates, and the answer that is appended where none is printed."""

import pytest

from tampu.errors import InvalidTemplate
from tampu.templates.template import parse_template
from tests.recordings import recording


@pytest.mark.recorded("prompting/templates")
@pytest.mark.parametrize("row", recording("prompting/templates/facts.json"), ids=lambda row: row["template"])
def test_recorded_variables(row):
    text = recording(f"prompting/templates/{row['template']}.json")["template"]
    assert sorted(parse_template(text).variables) == row["variables"]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {"response"}),
        ("{{ (index .Messages 0).Content }}{{ .Response }}", {"response"}),
        ("{{ (index .Messages 0) }}", {"messages"}),
        ("{{ .Function.Name }}{{ .Messages }}", {"function", "name", "messages"}),
        ('{{ define "x" }}{{ .Suffix }}{{ end }}{{ .Response }}', {"suffix", "response"}),
        (
            "{{ if .A }}{{ else if $.B }}{{ else }}{{ with .C }}{{ .D }}{{ end }}{{ end }}{{ .Response }}",
            {"a", "$", "b", "c", "d", "response"},
        ),
    ],
)
def test_variables(text, variables):
    assert parse_template(text).variables == variables


def test_a_call_without_pipeline_is_refused():
    with pytest.raises(InvalidTemplate, match=r"^undefined template specified$"):
        parse_template('{{ template "x" }}')


def test_source_is_kept():
    assert parse_template("a {{ .Prompt }}").source == "a {{ .Prompt }}"
