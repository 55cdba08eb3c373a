"""Rendered prompts, byte for byte as recorded."""

import pytest

from tampu.errors import BadRequest, InvalidTemplate, TampuError, TemplateFailed
from tampu.messages import (
    Message,
    Tool,
    ToolCall,
    ToolCallFunction,
    ToolFunction,
    ToolParameters,
    ToolProperty,
)
from tampu.templates.render import collate, render_messages
from tampu.templates.template import parse_template
from tests.recordings import GOLDEN, recording
from tests.templates.golden import TODAY, render_chat, render_generate, to_messages, with_dates

NAMES = sorted(path.name.removesuffix(".json.gz") for path in (GOLDEN / "prompting/templates").glob("*.json.gz"))
THINKING = {row["template"] for row in recording("prompting/templates/facts.json") if "thinking" in row["capabilities"]}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "facts"])
def test_recorded_prompts(name, tally):
    model = recording(f"prompting/templates/{name}.json")
    template = parse_template(model["template"])
    # A 400 is a refusal before rendering; an answer with a body has no prompt.
    cases = [case for case in model["cases"] if case["status"] != 400 and "body" not in case]
    assert cases
    for case in cases:
        render = render_chat if case["endpoint"] == "/api/chat" else render_generate
        try:
            got = render(template, model, case["request"], can_think=name.partition("+")[0] in THINKING)
        except TampuError as error:
            got = error.message
        with tally.case("prompting/templates"):
            assert got == with_dates(case.get("rendered", case.get("error"))), case["name"]


def outcome(case):
    """What creating, and then using, a template gives, in the recording's words."""
    try:
        template = parse_template(case["template"])
    except InvalidTemplate as error:
        return f"template error: {error}"
    if case["at"] == "create":
        return True
    try:
        return render_messages(template, to_messages(case["request"]["messages"]))
    except TemplateFailed as error:
        return str(error)


@pytest.mark.recorded("prompting/template_errors")
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["name"]) for case in recording("prompting/template_errors.json")]
)
def test_recorded_errors(case):
    assert outcome(case) == case.get("error", case.get("rendered", case.get("ok")))


def render_user(text, **settings):
    return render_messages(
        parse_template(text), [Message("system", "S"), Message("user", "P")], today=TODAY, **settings
    )


def exchange(text):
    """A legacy template with an answer pending in the last turn."""
    return render_messages(parse_template(text), [Message("user", "P"), Message("assistant", "R")])


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ .Prompt }} {{ .Response }} tail", "P R"),
        ("{{ if .Response }}a{{ .Response }}{{ end }}t", "aR"),
        ("{{ $.Response }}t{{ .Response }}", "RtR"),
        ('{{ print "a" .Response "b" }}t', "aR"),
        ("{{ .Response | len }}{{ .Prompt }}", ""),
        ("{{ if .No }}{{ .Prompt }}{{ else }}{{ .Response }}x{{ end }}t", "R"),
        # Ollama crashes on these two.
        ("{{ if .Response }}{{ .Response }}{{ else }}none{{ end }}t", "R"),
        ("{{ with .Prompt }}{{ $.Prompt }}{{ .Response }}{{ else }}none{{ end }}", None),
        ("{{ .Nope.X }}|{{ .Response }}", "<no value>|R"),
    ],
)
def test_last_turn_is_cut_behind_the_answer(text, rendered):
    if rendered is None:
        with pytest.raises(TemplateFailed):
            exchange(text)
    else:
        assert exchange(text) == rendered


def test_last_turn_knows_no_defined_template():
    text = '{{ define "x" }}d{{ end }}{{ template "x" . }}{{ .Response }}'
    with pytest.raises(TemplateFailed, match='template "x" not defined'):
        exchange(text)


def test_earlier_turns_keep_functions_and_the_strict_chain():
    messages = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    with pytest.raises(TemplateFailed, match=r"nil pointer evaluating interface {}\.X"):
        render_messages(parse_template("{{ .Nope.X }}{{ .Response }}"), messages)


@pytest.mark.parametrize(
    ("think", "printed"),
    [
        (None, "false||false"),
        (False, "false||true"),
        (True, "true|medium|true"),
        ("high", "true|high|true"),
    ],
)
def test_thinking_data(think, printed):
    assert render_user("{{ .Think }}|{{ .ThinkLevel }}|{{ .IsThinkSet }}{{ .Response }}", think=think) == printed


def test_collation_joins_equal_roles_but_not_tools():
    messages = [Message("user", "a"), Message("user", "b"), Message("tool", "c"), Message("tool", "d")]
    assert [message.content for message in collate(messages)] == ["a\n\nb", "c", "d"]


def test_a_long_run_of_one_role_is_joined_in_linear_time():
    (joined,) = collate([Message("user", "x" * 1000)] * 5000)
    assert len(joined.content) == 5000 * 1000 + 4999 * 2


def test_system_is_all_system_texts():
    template = parse_template("{{ .System }}|{{ range .Messages }}{{ .Role }},{{ end }}")
    messages = [Message("system", "a"), Message("user", "u"), Message("system", "b"), Message("user", "v")]
    assert render_messages(template, messages) == "a\n\nb|system,user,system,user,"


def test_cut_characters_become_replacement_characters():
    assert render_user('{{ slice "é" 0 1 }}|{{ len (slice "é" 0 1) }}{{ .Response }}') == "\ufffd|1"


@pytest.mark.parametrize("text", ["lone \ud800 half", "\udc80"])
def test_lone_surrogates_in_messages_do_no_harm(text):
    template = parse_template(
        '{{ range .Messages }}{{ len .Content }}{{ json .Content }}{{ printf "%q" .Content }}{{ end }}'
    )
    render_messages(template, [Message("user", text)]).encode()


@pytest.mark.parametrize("part", ["items", "arguments", "properties"])
def test_values_too_deep_to_print_are_refused(part):
    deep, schema = {}, ToolProperty()
    for _ in range(900):
        deep, schema = {"a": deep}, ToolProperty(properties={"a": schema})
    parameters = ToolParameters(items=deep if part == "items" else None, properties={"a": schema})
    tools = [Tool(function=ToolFunction(parameters=parameters))] if part != "arguments" else None
    calls = (ToolCall(function=ToolCallFunction(arguments=deep)),) if part == "arguments" else ()
    template = parse_template("{{ .Tools }}{{ range .Messages }}{{ json .ToolCalls }}{{ end }}")
    with pytest.raises(BadRequest, match="levels inside one another"):
        render_messages(template, [Message("user", tool_calls=calls)], tools=tools)


def test_values_of_the_greatest_depth_print():
    deep = {}
    for _ in range(60):
        deep = {"a": deep}
    calls = (ToolCall(function=ToolCallFunction(arguments={"x": deep})),)
    inner = (
        '{{ range .Messages }}{{ .ToolCalls }}{{ json .ToolCalls }}{{ printf "%v %q" .ToolCalls .ToolCalls }}{{ end }}'
    )
    template = parse_template("{{ with . }}" * 40 + inner + "{{ end }}" * 40)
    assert render_messages(template, [Message("user", tool_calls=calls)])
