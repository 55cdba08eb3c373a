"""What templates compute and print, and that none of them can do more than that."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tampu.errors import InvalidTemplate, TemplateFailed
from tampu.messages import Message, Tool, ToolCall, ToolCallFunction, ToolFunction, ToolParameters, ToolProperty
from tampu.templates.go.budget import Budget
from tampu.templates.render import render_messages
from tampu.templates.template import parse_template

TODAY = date(2026, 3, 1)
DATA = {"S": "text", "N": None, "L": [1.0, "x", None], "M": {"b": 1.5, "a": [True]}, "I": 3, "E": "", "B": b"\x01\xff"}


def execute(text, **budget):
    # An empty answer is appended to templates that print none.
    return parse_template(text).execute({**DATA, "Response": ""}, today=TODAY, budget=Budget(**budget))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("{{ .L }} {{ .M }} {{ .N }} {{ .B }}", "[1 x <nil>] map[a:[true] b:1.5] <no value> [1 255]"),
        ('{{ printf "%q" .L }}', '[%!q(float64=1) "x" <nil>]'),
        ('{{ printf "%d" .S }}|{{ printf "%s" .N }}|{{ printf "%d" }}', "%!d(string=text)|%!s(<nil>)|%!d(MISSING)"),
        (
            '{{ printf "%z" 5 }}|{{ printf "%" }}|{{ printf "a" 1 "b" }}',
            "%!z(int=5)|%!(NOVERB)|a%!(EXTRA int=1, string=b)",
        ),
        ('{{ printf "%[2]s %[1]s" "a" "b" }}', "b a"),
        ('{{ printf "%*d|%-*d|" 5 42 4 7 }}', "   42|7   |"),
        (
            '{{ printf "%6.2f|%+d|%x|%X|%#x|%08.3f" 3.14159 5 "hi" 255 255 -3.14159 }}',
            "  3.14|+5|6869|FF|0xff|-003.142",
        ),
        (
            '{{ printf "%.3s|%c|%U|%o|%b|%e|%g|%.3g" "abcdef" 233 233 8 5 1500.0 1e21 1234.5678 }}',
            "abc|é|U+00E9|10|101|1.500000e+03|1e+21|1.23e+03",
        ),
        ('{{ printf "%v %v" true .M }}{{ printf "%5t|%q" false 120 }}', "true map[a:[true] b:1.5]false|'x'"),
        ("{{ 123456.0 }} {{ 1234567.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }}", "123456 1.234567e+06 0.0001 1e-05 -0"),
        ("{{ json 1e-7 }} {{ json 0.000001 }} {{ json 1e20 }}", "1e-7 0.000001 100000000000000000000"),
        ('{{ json "\\x01\\n\\t<>&" }}', '"\\u0001\\n\\t\\u003c\\u003e\\u0026"'),
        ("{{ range $k, $v := .M }}{{ $k }}={{ $v }};{{ end }}", "a=[true];b=1.5;"),
        ("{{ range $i := 3 }}{{ $i }}{{ end }}{{ range .N }}x{{ else }}none{{ end }}", "012none"),
        (
            "{{ range 5 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "02",
        ),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 1 }}{{ with 5 }}{{ $x := 9 }}{{ end }}{{ $x }}", "1"),
        ("{{ with .E }}a{{ else with .S }}{{ . }}{{ end }}", "text"),
        ("{{ and 1 0 .Nope.Deep.Er }}|{{ or .E .S .Nope.Deep.Er }}", "0|text"),
        ('{{ .S | printf "%s-%s" "a" }}', "a-text"),
        ('{{ index .L 1 }}{{ index .M "a" 0 }}{{ index .M "zz" }}', "xtrue<no value>"),
        ("{{ eq .N nil }}{{ eq .S nil }}{{ ne 1 2 }}{{ eq 1 2 3 1 }}", "truefalsetruetrue"),
        ('{{ html "<\'\\">&" }}{{ urlquery "a b" "c" }}{{ js "\'" }}', "&lt;&#39;&#34;&gt;&amp;a+bc\\'"),
        ('{{ currentDate }} {{ yesterdayDate "x" }} {{ print currentDate }}', "2026-03-01 2026-02-28 2026-03-01"),
        ('{{ template "a" .M }}{{ define "a" }}{{ .b }}{{ $.b }}{{ end }}', "1.51.5"),
        ('{{ block "a" .S }}[{{ . }}]{{ end }}', "[text]"),
        ('{{ (index .L 1) }}{{ len .S }}{{ len "é" }}{{ slice .S 1 3 }}', "x42ex"),
        ("a {{- /* c */ -}} b{{- 1 -}}\n c", "ab1c"),
        ("{{ toTypeScriptType .S }}", "any"),
    ],
)
def test_prints(text, printed):
    assert execute(text) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ .S.upper }}", "<.S.upper>: can't evaluate field upper in type interface {}"),
        ("{{ .L.append }}", "<.L.append>: can't evaluate field append in type interface {}"),
        ("{{ $x := .S }}{{ $x.format }}", "<$x.format>: can't evaluate field format in type string"),
        ("{{ .S.__class__ }}", "can't evaluate field __class__ in type interface {}"),
        ("{{ (print 1).real }}", "can't evaluate field real in type string"),
        ("{{ index .S 99 }}", "error calling index: index out of range: 99"),
        ("{{ index .M 1 }}", "error calling index: value has type int; should be string"),
        ("{{ slice .S 3 1 }}", "error calling slice: invalid slice index: 3 > 1"),
        ("{{ index .N 1 }}", "error calling index: index of untyped nil"),
        ("{{ eq .L .L }}", "error calling eq: non-comparable type [%!s(float64=1) x <nil>]: []interface {}"),
        ("{{ printf 5 }}", "<5>: expected string; found 5"),
        ("{{ printf .I }}", "wrong type for value; expected string; got int"),
        ("{{ eq }}", "wrong number of args for eq: want at least 1 got 0"),
        ("{{ .S 1 }}", "S is not a method but has arguments"),
        ("{{ true 1 }}", "can't give argument to non-function true"),
        ("{{ $ | len }}{{ 1 | .S }}", "S is not a method but has arguments"),
        ("{{ (nil).X }}", "<nil>: nil is not a command"),
    ],
)
def test_fails(text, message):
    with pytest.raises(TemplateFailed) as caught:
        execute(text)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize("place", ["{{ .X.Y }}", "é{{ .X.Y }}", "a\nüb{{ .X.Y }}"])
def test_columns_count_bytes_and_lines_from_one(place):
    with pytest.raises(TemplateFailed) as caught:
        execute(place)
    before = place[: place.index(".Y")]
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2].encode())
    assert str(caught.value).startswith(f'template: :{line}:{column}: executing "" at <.X.Y>')


@pytest.mark.parametrize(
    "text",
    [
        '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}',
        '{{ define "a" }}{{ range 9 }}{{ template "a" . }}{{ end }}{{ end }}{{ template "a" . }}',
        "{{ range 1000000000000 }}{{ end }}",
        "{{ range 1000 }}{{ range 1000 }}{{ range 1000 }}x{{ end }}{{ end }}{{ end }}",
        '{{ $x := "aaaaaaaaaa" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}',
        '{{ $x := "aaaaaaaaaa" }}{{ range 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}',
        '{{ $x := "aaaaaaaaaa" }}{{ range 100 }}{{ $x = json $x | printf "%q%q" $x }}{{ end }}',
        '{{ range 1000 }}{{ printf "%999999d" 1 }}{{ end }}',
        '{{ range 1000 }}{{ $x := printf "%.999999f" 1.0 }}{{ end }}',
        '{{ $x := printf "%999999s" "" }}{{ range 1000 }}{{ html $x $x }}{{ end }}',
    ],
)
def test_what_would_not_end_is_stopped(text):
    with pytest.raises(TemplateFailed):
        execute(text)


def test_a_huge_width_is_not_obeyed():
    assert execute('{{ printf "%200000000d" 1 }}') == "%!(NOVERB)%!(EXTRA int=1)"


@pytest.mark.parametrize(
    "text", ["{{ range 1000000 }}{{ end }}", "{{ range 100 }}{{ range 100 }}{{ . }}{{ end }}{{ end }}"]
)
def test_a_budget_of_steps_holds(text):
    with pytest.raises(TemplateFailed, match="does not end"):
        execute(text, steps=1_000)


TOOLS = [
    Tool(
        type="function",
        function=ToolFunction(
            name="f",
            description="d",
            parameters=ToolParameters(
                type="object",
                properties={
                    "b": ToolProperty(type="string", properties={"z": ToolProperty(), "a": ToolProperty(type="null")}),
                    "a": ToolProperty(any_of=[ToolProperty(type="integer"), ToolProperty(type=["array", "null"])]),
                },
            ),
        ),
    )
]
CALL = ToolCall(function=ToolCallFunction(name="f", arguments={"b": 1, "a": 10**400, "c": {"y": 1, "x": [2]}}), id="i")
CONVERSATION = [Message("user", "q", images=(b"\x01",)), Message("assistant", tool_calls=(CALL,)), Message("tool", "r")]


def render(body):
    return render_messages(
        parse_template(body + "{{ range .Empty }}{{ .Messages }}{{ end }}"), CONVERSATION, tools=TOOLS
    )


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (
            "{{ (index .Tools 0).Function.Parameters.Properties.String }}",
            (
                '{"a":{"anyOf":[{"type":"integer"},{"type":["array","null"]}]},'
                '"b":{"type":"string","properties":{"z":{},"a":{"type":"null"}}}}'
            ),
        ),
        (
            "{{ range .Tools }}{{ .String }}{{ end }}",
            (
                '{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":'
                '{"a":{"anyOf":[{"type":"integer"},{"type":["array","null"]}]},'
                '"b":{"type":"string","properties":{"z":{},"a":{"type":"null"}}}}}}}'
            ),
        ),
        (
            (
                "{{ range .Tools }}{{ range $n, $p := .Function.Parameters.Properties }}"
                "{{ $p.ToTypeScriptType }};{{ $p.Type }};"
                "{{ end }}{{ .Function.Parameters.Properties.nope.Type }}{{ end }}"
            ),
            "number | any[] | null;;string;string;",
        ),
        (
            (
                "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Arguments.c }}"
                '{{ printf "%T" .Function.Arguments.b }}'
                "{{ end }}{{ end }}"
            ),
            "map[x:[2] y:1]float64",
        ),
        (
            "{{ json (index .Messages 0) }}",
            '{"Role":"user","Content":"q","Thinking":"","Images":["AQ=="],"ToolCalls":null,"ToolName":"","ToolCallID":""}',
        ),
        (
            '{{ printf "%+v" (index .Messages 2) }}',
            "&{Role:tool Content:r Thinking: Images:[] ToolCalls:[] ToolName: ToolCallID:}",
        ),
    ],
)
def test_messages_and_tools(text, printed):
    assert render(text) == printed


FRAGMENTS = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    ".",
    "$",
    "(",
    ")",
    "|",
    ":=",
    "=",
    ",",
    '"',
    "`",
    "'",
    "\\",
    "%",
    "[",
    "é",
    "if ",
    "else ",
    "end ",
    "range ",
    "with ",
    "define ",
    "template ",
    "block ",
    "break ",
    "continue ",
    "nil ",
    "true ",
    ".Messages ",
    ".Tools ",
    ".Role ",
    ".Content ",
    ".Response ",
    "$x ",
    "$i, $x := ",
    '"t" ',
    "1 ",
    "0x1F ",
    "1e999 ",
    "-1 ",
    "json ",
    "index ",
    "slice ",
    "len ",
    "printf ",
    '"%5.2v %d %q %[9]x %*s" ',
    "print ",
    "html ",
    "js ",
    "call ",
    "urlquery ",
    "eq ",
    "lt ",
    "and ",
    "not ",
    "currentDate ",
    "toTypeScriptType ",
    "/*",
    "*/",
    ".Function ",
    "99 ",
]
ACTIONS = [
    "{{ if .Messages }}",
    "{{ else }}",
    "{{ end }}",
    "{{ range .Messages }}",
    "{{ range $i, $x := .Tools }}",
    "{{ . }}",
    "{{ range 9 }}",
    "{{ with .System }}",
    '{{ define "t" }}',
    '{{ template "t" . }}',
    "{{ .Content }}",
    "{{ $.Tools }}",
    "{{ json . }}",
    '{{ printf "%v %+v %q %x %d" . . . . . }}',
    "{{ .Response }}",
    "{{ $x }}",
    "{{ len . }}",
    "{{ break }}",
    "{{ index . 0 }}",
    "{{ slice . 1 }}",
    "{{ print . . }}",
    "{{ eq . . }}",
    "{{ .Function.Arguments }}",
    "{{ not . }}",
    "{{ range $k, $v := . }}",
    "{{ $y := . }}",
    "{{ toTypeScriptType . }}",
    "text",
]
templates = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join),
    st.lists(st.sampled_from(ACTIONS), max_size=20).map("".join),
    st.tuples(
        st.sampled_from(["{{ range .Messages }}", "{{ range .Tools }}", "{{ with (index .Messages 1).ToolCalls }}"]),
        st.lists(st.sampled_from([action for action in ACTIONS if "end" not in action]), max_size=6),
        st.integers(0, 6),
    ).map(lambda parts: parts[0] + "".join(parts[1]) + "{{ end }}" * (parts[2] + 1)),
)


@settings(max_examples=600, deadline=None)
@given(templates)
def test_any_text_renders_or_is_refused(text):
    try:
        template = parse_template(text)
        render_messages(template, CONVERSATION, tools=TOOLS, today=TODAY)
    except (InvalidTemplate, TemplateFailed):
        pass
