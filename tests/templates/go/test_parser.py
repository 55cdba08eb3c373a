"""Templates that do not parse, beyond the recorded ones."""

import pytest

from tampu.errors import InvalidTemplate
from tampu.templates.template import parse_template


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ .A", "template: :1: unclosed action"),
        ("{{ .A\n", "template: :2: unclosed action started at :1"),
        ("{{ if .A }}\n{{ else if .B }}\n", "template: :3: unexpected EOF"),
        ("{{ if .A }}{{ else with .B }}{{ end }}{{ end }}", None),
        ("{{ range .A }}{{ break }}{{ else }}{{ continue }}{{ end }}", "template: :1: {{continue}} outside {{range}}"),
        ('{{ "\\q" }}', "template: :1: invalid syntax"),
        ("{{ 'ab' }}", "template: :1: malformed character constant: 'ab'"),
        ("{{ 99999999999999999999 }}", 'template: :1: integer overflow: "99999999999999999999"'),
        ("{{ 0x }}", 'template: :1: illegal number syntax: "0x"'),
        ("{{ ) }}", "template: :1: unexpected right paren"),
        ("{{ .A := 1 }}", 'template: :1: unexpected ":=" in operand'),
        ("{{ . : 1 }}", "template: :1: expected :="),
        ("{{ define x }}{{ end }}", 'template: :1: unexpected "x" in define clause'),
        ('{{ define "x" }}{{ else }}{{ end }}', "template: :1: unexpected {{else}} in define clause"),
        ("{{ template .A }}", 'template: :1: unexpected ".A" in template clause'),
        ("{{ range $i, 3 := .A }}{{ end }}", "template: :1: range can only initialize variables"),
        ("{{ .A \x01 }}", "template: :1: unrecognized character in action: U+0001"),
        ("{{/* a */ b }}", "template: :1: comment ends before closing delimiter"),
        ('{{ define "x" }}{{ $y := 1 }}{{ end }}{{ $y }}', 'template: :1: undefined variable "$y"'),
        ("{{ abcdefghijklmnop .A }}", 'template: :1: function "abcdefghijklmnop" not defined'),
        ('{{ if .A }}{{ define "abcdefghijk" }}', "template: :1: unexpected <define> in command"),
        ('{{ .A "abcdefghijk"!}}', 'template: :1: unexpected "!" in operand'),
    ],
)
def test_errors(text, message):
    if message is None:
        with pytest.raises(InvalidTemplate):
            parse_template(text)
        return
    with pytest.raises(InvalidTemplate) as caught:
        parse_template(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "{{ if 1 }}" * 10_000,
        "{{ " + "(" * 10_000,
        "{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}",
        "{{ if 1 }}" + "{{ else if 1 }}" * 10_000 + "{{ end }}",
        '{{ block "a" . }}' * 10_000,
        "x" * 4_000_001,
        "{{ " + "9" * 10_000 + " }}",
    ],
)
def test_hostile_text_is_refused(text):
    with pytest.raises(InvalidTemplate):
        parse_template(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ .A | }}",
        "{{- .A -}}",
        "{{/**/}}",
        "}}",
        "{{ $x := 1 }}{{ $x = 2 }}{{ $x }}",
        "{{ range $i, $_ := .A }}{{ $i }}{{ end }}",
        '{{ define "a" }}{{ end }}{{ define "a" }}x{{ end }}',
        "{{ if 1 }}" * 50 + "{{ end }}" * 50,
    ],
)
def test_accepted(text):
    assert parse_template(text).source == text
