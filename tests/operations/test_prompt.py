"""Prompts are made without keeping the event loop, and within what a template may take."""

import threading
from datetime import date

import pytest

from tampu.errors import InvalidTemplate, TemplateFailed, TemplateTooCostly
from tampu.generation import CompletionInput
from tampu.messages import Message, Tool, ToolFunction, ToolParameters, ToolProperty
from tampu.operations import prompt
from tampu.templates.go.budget import Budget
from tampu.templates.template import parse_template

pytestmark = pytest.mark.anyio
TURNS = "{{ range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def rendered(source: str, count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[bool]]:
    """The text, and for each try whether it was on the thread of the event loop."""
    loop, tries = threading.get_ident(), list[bool]()
    render_messages = prompt.render_messages

    def watched(*args: object, **fields: object) -> str:
        tries.append(threading.get_ident() == loop)
        return render_messages(*args, **fields)

    monkeypatch.setattr(prompt, "render_messages", watched)
    render = prompt._with_template(parse_template(source), None, None)
    return await render([Message("user", str(number)) for number in range(count)]), tries


async def test_a_short_conversation_is_rendered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text, tries = await rendered(TURNS, 1, monkeypatch)
    assert (text, tries) == ("user: 0\n", [True])


async def test_a_costly_one_goes_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    text, tries = await rendered("{{ range $i := 3000 }}.{{ end }}{{ .Messages | len }}", 1, monkeypatch)
    assert (text, tries) == ("." * 3000 + "1", [True, False])


async def test_a_long_conversation_is_not_tried_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    text, tries = await rendered(TURNS, 200, monkeypatch)
    assert text.count("\n\n") == 199  # neighbours of one role are one message
    assert tries == [False]


@pytest.mark.parametrize(
    ("own", "suffix", "text"),
    [("", "b", "<a|b>"), ("{{ .Prompt }}~{{ .Suffix }}", "b", "a~b"), ("{{ .Prompt }}!", "", "a!")],
)
def test_the_callers_template_fills_in_too(own: str, suffix: str, text: str) -> None:
    wanted = CompletionInput(prompt="a", suffix=suffix, template=own)
    model = parse_template("<{{ .Prompt }}|{{ .Suffix }}>")
    assert prompt._rendered(model, wanted, [Message("user", "a")], None) == text


@pytest.mark.parametrize("suffix", ["", "b"])
def test_only_the_callers_template_is_the_callers_mistake(suffix: str) -> None:
    bad, good = "{{ index .Prompt 9 }}", "{{ .Prompt }}"
    with pytest.raises(InvalidTemplate, match="index out of range"):
        prompt._rendered(parse_template(good), CompletionInput(prompt="a", suffix=suffix, template=bad), [], None)
    with pytest.raises(TemplateFailed, match="index out of range"):
        prompt._rendered(parse_template(bad), CompletionInput(prompt="a", suffix="b"), [], None)


@pytest.mark.parametrize(("count", "properties", "is_small"), [(1, 0, True), (10, 9, True), (10, 30, False)])
def test_tools_count_with_their_arguments(count: int, properties: int, is_small: bool) -> None:
    parameters = ToolParameters(properties={f"p{number}": ToolProperty() for number in range(properties)})
    tools = [Tool(ToolFunction(name="f", parameters=parameters))] * count
    assert prompt._is_small([Message("user", "hi")], tools) == is_small


async def test_one_without_end_is_refused_with_the_bound_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "{{ range $i := 100000 }}{{ range $j := 100000 }}.{{ end }}{{ end }}{{ .Messages | len }}"
    with pytest.raises(TemplateTooCostly, match="more than 251000 steps") as refused:
        await rendered(source, 1, monkeypatch)
    assert refused.value.status == 400


def test_quick_budgets_are_smaller_than_whole_ones() -> None:
    assert Budget.quick().steps < Budget.for_items(0).steps
    assert parse_template(TURNS).execute({"Messages": []}, today=date(2026, 1, 1), budget=Budget.quick()) == ""
