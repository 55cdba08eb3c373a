"""What is rarely written in templates, and means or fails as in Go: odd literals, all verbs, types, nil in places."""

from typing import Any

import pytest

from tampu.errors import InvalidTemplate, TemplateFailed
from tampu.templates.render import render_messages
from tampu.templates.template import parse_template
from tests.templates.golden import TODAY, to_messages, to_tools

CALL = {"function": {"name": "f", "arguments": {"n": None, "l": [None, "x", 1.5]}}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "hé"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
]
PROPERTIES = {"p": {"type": "object", "enum": ["a", None], "properties": {"z": {}, "a": {}}}, "q": {}}
PARAMETERS = {"type": "object", "properties": PROPERTIES}
TOOLS: list[dict[str, Any]] = [{"type": "function", "items": [], "function": {"name": "g", "parameters": PARAMETERS}}]
TOOL_JSON = (
    '{"type":"function","items":[],"function":{"name":"g","description":"","parameters":{"type":"object","properties":'
    '{"p":{"type":"object","enum":["a",null],"properties":{"z":{},"a":{}}},"q":{}}}}}'
)


def rendered(text: str) -> str:
    template = parse_template(text + "{{ range .Messages }}{{ end }}")
    return render_messages(template, to_messages(MESSAGES), tools=to_tools(TOOLS), today=TODAY)


def in_call(text: str) -> str:
    return f"{{{{ range .Messages }}}}{{{{ range .ToolCalls }}}}{text}{{{{ end }}}}{{{{ end }}}}"


def in_tool(text: str) -> str:
    return f"{{{{ range .Tools }}}}{text}{{{{ end }}}}"


def in_property(text: str) -> str:
    return in_tool(f"{{{{ range .Function.Parameters.Properties }}}}{text}{{{{ end }}}}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ 2+3i }}", "(2+3i)"),
        ('{{ printf "%v %.1f %+v" 1i 2-1.5i 3i }}', "(0+1i) (2.0-1.5i) (0+3i)"),
        ("{{ json 1i }}", ""),
        ("{{ 0x1p4 }} {{ -0x1E }} {{ 0x1E }} {{ 1_0.5 }}", "16 -30 30 10.5"),
        ("{{ '\\x41' }} {{ '\\377' }} {{ '\\'' }}", "65 255 39"),
        ('{{ printf "%T" (index "abc" 1) }}', "uint8"),
        ('{{ print "a" .Tools 1 2 .Nope }}', f"a[{TOOL_JSON}] 1 2 <nil>"),
        ("{{ html .Nope 1 2 }}", "&lt;no value&gt;1 2"),
        ('{{ js "\\x7f=é\\u200b" }}', "\x7f\\u003Dé\\u200B"),
        ("{{ eq .Tools nil }} {{ eq nil .Nope }} {{ eq .Nope 1 }}", "false true false"),
        ("{{ range .Messages }}{{ eq .ToolCalls nil }} {{ end }}", "true false "),
        ("{{ range .Messages }}{{ json .Images }}{{ end }}", "nullnull"),
        (in_tool("{{ json .Items }}{{ slice $.Tools 0 1 }}"), f"[][{TOOL_JSON}]"),
        (
            in_property(
                "{{ len .Type }}{{ json .Type }}{{ with .Properties }}{{ .Len }}{{ json . }}{{ else }}-{{ end }}"
            ),
            '1"object"2{"z":{},"a":{}}0null-',
        ),
        (
            in_call('{{ with .Function.Arguments.l }}{{ printf "%q %d %5v %#v" . . . . }}{{ end }}'),
            (
                '[<nil> "x" %!q(float64=1.5)] [<nil> %!d(string=x) %!d(float64=1.5)] [<nil>     x   1.5] '
                '[]interface {}{interface {}(nil), "x", 1.5}'
            ),
        ),
        (
            '{{ printf "%5t|%-5s|%05d|%+d|%x|%X|%o|%#o|%O|%b" true "é" 7 7 255 "é" 8 8 8 5 }}',
            " true|é    |00007|+7|ff|C3A9|10|010|0o10|101",
        ),
        (
            '{{ printf "%e|%G|%8.3f|%+.2e|%#g|%x|%.1x|%b" 1e6 1e-7 3.14159 12345.678 1.0 1.5 1.99 1.5 }}',
            "1.000000e+06|1E-07|   3.142|+1.23e+04|1.00000|0x1.8p+00|0x1.0p+01|6755399441055744p-52",
        ),
        ('{{ printf "%U|%#U|%q|%+q|%#q" 233 233 233 "é" "a`b" }}', "U+00E9|U+00E9 'é'|'é'|\"\\u00e9\"|\"a`b\""),
        ('{{ printf "%[2]d %[1]d %d|%[3]d|%[x]d" 1 2 }}', "2 1 2|%!d(BADINDEX)|%!d(BADINDEX)"),
        ('{{ printf "%*d|%-*d|%.*f|%z|%!" 5 1 5 2 1 1.55 3 }}', "    1|2    |1.6|%!z(int=3)|%!!(MISSING)"),
        ('{{ printf "%d" 1 "x" nil }}', "1%!(EXTRA string=x, <nil>)"),
        ("{{ json (slice .Messages 2) }}{{ range .Messages }}{{ json (slice .Images 0) }}{{ end }}", "[]nullnull"),
        ('{{ printf "% x|%#x|% #x" "abc" "abc" "abc" }}', "61 62 63|0x616263|0x61 0x62 0x63"),
        (in_tool('{{ printf "%10.4s|%6d" . .Function.Name }}'), '      {"ty|%!d(string=     g)'),
    ],
)
def test_shows(text: str, shown: str) -> None:
    assert rendered(text) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ 9223372036854775808 }}", "<9223372036854775808>: 9223372036854775808 overflows int"),
        ('{{ index "abc" 3 }}', "error calling index: reflect: string index out of range"),
        ("{{ index .Messages 2 }}", "error calling index: reflect: slice index out of range"),
        ("{{ len nil }}", "error calling len: reflect: call of reflect.Value.Type on zero Value"),
        ("{{ len .Nope }}", "error calling len: len of nil pointer"),
        (in_tool("{{ len .Function }}"), "error calling len: len of type template.templateToolFunction"),
        ('{{ slice "abc" .Nope }}', "error calling slice: cannot index slice/array with type interface {}"),
        ("{{ printf .Nope }}", "<.Nope>: wrong type for value; expected string; got interface {}"),
        ('{{ "x" | call }}', "<call>: error calling call: non-function x of type string"),
        ("{{ 1 | call }}", "<call>: error calling call: non-function <int Value> of type int"),
        ("{{ (slice .System 0 0).X }}", ':1:20: executing "" at <0>: can\'t evaluate field X in type string'),
        (
            "{{ range .Messages }}{{ .ToolCalls.X }}{{ end }}",
            "can't evaluate field X in type []template.templateToolCall",
        ),
        (
            in_call("{{ range .Function.Arguments.l }}{{ .X }}{{ end }}"),
            "<.X>: nil pointer evaluating interface {}.X",
        ),
        (
            in_call("{{ range $k, $v := .Function.Arguments }}{{ $v.X }}{{ end }}"),
            "<$v.X>: can't evaluate field X in type interface {}",
        ),
        ("{{ range .Messages }}{{ .Role 1 }}{{ end }}", "Role has arguments but cannot be invoked as function"),
        (in_tool("{{ .String 1 }}"), "wrong number of args for String: want 0 got 1"),
        (in_property("{{ .Properties.z }}"), "can't evaluate field z in type *api.ToolPropertiesMap"),
        (
            "{{ range .Messages }}{{ eq .ToolCalls $.Think nil }}{{ end }}",
            "incompatible types for comparison: []template.templateToolCall and bool",
        ),
        (
            "{{ range .Messages }}{{ eq . . }}{{ eq . $.Tools }}{{ end }}",
            f"types &{{user hé  [] []  }}: *template.templateMessage, template.templateTools: [{TOOL_JSON}]",
        ),
    ],
)
def test_fails(text: str, message: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        rendered(text)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ 1e400 }}", '1: illegal number syntax: "1e400"'),
        ("{{ 2+i }}", "1: syntax error scanning complex number"),
        ("{{ 12- }}", '1: bad number syntax: "12-"'),
        ("{{ '' }}", "1: invalid syntax"),
        ('{{ block "b" . }}\n{{ else }}{{ end }}', "1: unexpected {{else}} in block clause"),
        ("{{/* a\nb", "1: unclosed comment"),
        ("{{ .A² }}", "1: bad character U+00B2 '²'"),
        ("{{ eq. }}", "1: unexpected <.> in operand"),
        ("{{ print .", '1: illegal number syntax: "."'),
    ],
)
def test_is_no_template(text: str, message: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        parse_template(text)
    assert str(caught.value) == f"template: :{message}"


def test_an_answer_that_is_named_twice_stays_in_the_last_turn() -> None:
    template = parse_template("{{ .Prompt }} {{ ne .Response .Response }} tail")
    assert render_messages(template, to_messages(MESSAGES[:1]), today=TODAY) == "hé false"
