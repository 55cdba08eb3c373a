"""Formats, thinking, tools and demanded calls at once, with templates of both kinds, streamed and not."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Served, serving
from tests.models import scripted_model

LAST = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}\n{% endfor %}"
JINJA = (
    "{% if tools %}Answer with <tool_call> and JSON: {{ tools | tojson }}\n{% endif %}" + LAST
    + "{% if messages[0].reasoning_content %}<think>{{ messages[0].reasoning_content }}</think>{% endif %}"
    "{% if messages[0].tool_calls %}<tool_call>{{ messages[0].tool_calls | tojson }}</tool_call>{% endif %}"
    "{% if enable_thinking is defined and enable_thinking is false %}off{% endif %}{{ messages[-1].content }}"
)  # fmt: skip
GO = (
    '{{ if .Tools }}Answer with <tool_call> and JSON: {{ .Tools }}\n{{ end }}{{ $last := "" }}'
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}\n{{ $last = .Content }}"
    "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
    '{{ if eq .Role "assistant" }}{{ $last = "<|s1|>" }}{{ end }}'
    "{{ if .ToolCalls }}<tool_call>{{ range .ToolCalls }}"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}</tool_call>{{ end }}'
    "{{ end }}{{ $last }}"
)  # fmt: skip
SCRIPTS = [
    ["<think>", "let me see", "</think>", "\n\n", '{"answer"', ": 42}"],
    ['{"answer":', " 7}"],
    ["<think>need a tool", "</think>", "<tool_call>\n", '{"name": "city"', ', "arguments": ', '{"name": "Lima"}}'],
    ["I would", " rather talk", " about it"],
]
# Broken calls as users have reported them: the parts after "<tool_call>".
BROKEN = {
    "list closed that was never opened": '{"name": "city", "arguments": {"name": "a1"}}]',
    "list closed in place of the object": '{"name": "city", "arguments": {"name": "b1"]}',
    "unexpected end": '{"name": "city", "arguments": {"name": "c',
    "single quotes": "{'name': 'city', 'arguments': {'name': 'd1'}}",
    "text of an object": '{"name": "city", "arguments": "{\\"name\\": \\"e1\\"}"}',
    "no object at all": "city(name=f1)",
    "unknown tool": '{"name": "nobody", "arguments": {"g": 1}}',
    "trailing comma": '{"name": "city", "arguments": {"name": "h1",}}',
}
FIRST_BROKEN = len(SCRIPTS)
CITY = {
    "type": "function",
    "function": {
        "name": "city",
        "description": "about a city",
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
OTHER = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"$ref": "#/$defs/number"}},
    "required": ["answer"],
    "additionalProperties": False,
    "$defs": {"number": {"type": "integer"}},
}
NAMED = {"type": "function", "function": {"name": "other"}}


@dataclass
class Said:
    """A whole answer, joined where it was streamed."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    reason: str = ""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with one model under two names: `go` has a Go template, `engine` that of its weights."""
    broken = [["<tool_call>" + text[:9], text[9:], "</tool_call>"] for text in BROKEN.values()]
    with serving(tmp_path_factory.mktemp("structured")) as served:
        whole = uploaded(served, scripted_model(*SCRIPTS, *broken, chat_template=JINJA, context=2048))
        bare = uploaded(served, scripted_model(*SCRIPTS, context=2048))
        for name, digest, fields in (("go", whole, {"template": GO}), ("engine", whole, {}), ("bare", bare, {})):
            served.ask("/api/create", {"model": name, "files": {"m.gguf": digest}, "stream": False, **fields})
        yield served


def uploaded(served: Served, path: Path) -> str:
    data = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", data)[0] == 201
    return digest


def said(served: Served, path: str, *, stream: bool, script: int, **body: Any) -> Said:
    text = f"<|s{script}|>"
    asked = {"prompt": text} if path == "/api/generate" else {"messages": [{"role": "user", "content": text}]}
    options = {"temperature": 0, "num_predict": 200}
    status, raw = served.request("POST", path, {"stream": stream, "options": options, **asked, **body})
    assert status == 200, raw
    answer = Said()
    for line in map(json.loads, raw.splitlines()):
        assert "error" not in line, line
        part = line if path == "/api/generate" else line["message"]
        answer.text += part.get("response", part.get("content", ""))
        answer.thinking += part.get("thinking", "")
        answer.calls += [
            (call["function"]["name"], call["function"]["arguments"]) for call in part.get("tool_calls", [])
        ]
        answer.reason = line.get("done_reason", "")
    assert "<think>" not in answer.text
    return answer


MATRIX = list(
    product(("go", "engine"), ("/api/chat", "/api/generate"), (True, False), (True, False, None), ("json", SCHEMA))
)


@pytest.mark.parametrize("case", MATRIX, ids=str)
def test_formats_hold_with_and_without_thinking(models: Served, case: tuple[Any, ...]) -> None:
    model, path, stream, think, form = case
    fields = {} if think is None else {"think": think}
    answer = said(models, path, stream=stream, script=1 if think is False else 0, model=model, format=form, **fields)
    assert isinstance(json.loads(answer.text), dict)
    takes_two_passes = (model, path) == ("go", "/api/chat")
    said_behind_thoughts = '{"answer": 7}' if takes_two_passes else '{"answer": 42}'
    assert (answer.text, answer.thinking) == (
        ('{"answer": 7}', "") if think is False else (said_behind_thoughts, "let me see")
    )


@pytest.mark.parametrize(("model", "words"), [("go", "let me see"), ("engine", "talk about it")])
def test_the_progress_of_a_prompt_is_told_once_though_it_is_read_again(models: Served, model: str, words: str) -> None:
    messages = [{"role": "user", "content": words * 60}, {"role": "user", "content": "<|s0|>"}]
    fields = {"model": model, "format": SCHEMA, "think": True, "progress": True, "options": {"num_predict": 50}}
    lines = models.ask("/api/chat", {"messages": messages, **fields})
    steps = [line["progress"]["processed"] for line in lines if "progress" in line]
    assert len(steps) > 1, "it is read in several steps"
    assert steps == sorted(set(steps))
    assert steps[0] < 100 < steps[-1], "none of it was read in silence before"
    assert not any("progress" in line for line in lines[len(steps) :])


@pytest.mark.parametrize(("model", "stream"), list(product(("go", "engine"), (True, False))))
def test_thinking_tools_and_a_format_at_once(models: Served, model: str, stream: bool) -> None:
    fields = {"model": model, "tools": [CITY, OTHER], "format": SCHEMA, "think": True}
    answer = said(models, "/api/chat", stream=stream, script=0, **fields)
    assert (answer.thinking, json.loads(answer.text), answer.calls) == ("let me see", {"answer": 42}, [])
    answer = said(models, "/api/chat", stream=stream, script=2, **fields)
    assert answer.thinking == "need a tool"
    assert answer.calls[0][0] in {"city", "other"}
    assert answer.text.strip() == ""


@pytest.mark.parametrize(("model", "stream", "think"), list(product(("go", "engine"), (True, False), (True, False))))
def test_demanded_calls_come(models: Served, model: str, stream: bool, think: bool) -> None:
    fields = {"model": model, "tools": [CITY, OTHER], "think": think}
    answer = said(models, "/api/chat", stream=stream, script=3, tool_choice="required", **fields)
    assert {name for name, _ in answer.calls} <= {"city", "other"}
    assert answer.calls
    answer = said(models, "/api/chat", stream=stream, script=3, tool_choice=NAMED, **fields)
    assert answer.calls == [("other", {})]
    answer = said(models, "/api/chat", stream=stream, script=3, tool_choice="auto", **fields)
    assert (answer.text, answer.calls) == ("I would rather talk about it", [])
    answer = said(models, "/api/chat", stream=stream, script=3, tool_choice="none", **fields)
    assert (answer.text, answer.calls) == ("I would rather talk about it", [])


def test_thoughts_that_the_engine_does_not_know_for_such_are_no_text(models: Served) -> None:
    fields = {"model": "engine", "tools": [CITY], "think": True, "tool_choice": "none"}
    answer = said(models, "/api/chat", stream=True, script=2, **fields)
    assert (answer.thinking, answer.calls) == ("need a tool", [])
    assert answer.text.startswith("<tool_call>")


@pytest.mark.parametrize(("model", "stream", "kind"), list(product(("go", "engine"), (True, False), BROKEN)))
def test_broken_calls_are_mended_or_stay_text(models: Served, model: str, stream: bool, kind: str) -> None:
    script = FIRST_BROKEN + list(BROKEN).index(kind)
    answer = said(models, "/api/chat", stream=stream, script=script, model=model, tools=[CITY], think=False)
    assert answer.reason in {"stop", "length"}
    assert answer.calls or BROKEN[kind][:20].strip("{") in answer.text


def test_tools_of_a_model_without_a_template_for_them(models: Served) -> None:
    models.ask("/api/create", {"model": "plain", "from": "bare", "template": "{{ .Prompt }}", "stream": False})
    fields = {"model": "plain", "tools": [CITY, OTHER]}
    status, raw = models.request("POST", "/api/chat", {**fields, "messages": [{"role": "user", "content": "hi"}]})
    assert (status, b"does not support tools" in raw) == (400, True)
    answer = said(models, "/api/chat", stream=True, script=3, describe_tools=True, **fields)
    assert (answer.text, answer.calls) == ("I would rather talk about it", [])
    answer = said(models, "/api/chat", stream=True, script=3, describe_tools=True, tool_choice=NAMED, **fields)
    assert answer.calls == [("other", {})]
    debug = {"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "city", "arguments": {"name": "Lima"}}}]},
        {"role": "tool", "content": "warm"},
    ], "describe_tools": True, "_debug_render_only": True, **fields, "model": "told"}  # fmt: skip
    plain = "{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ end }}"
    models.ask("/api/create", {"model": "told", "from": "bare", "template": plain, "stream": False})
    prompt = models.ask("/api/chat", debug)["_debug_info"]["rendered_template"]
    assert prompt.startswith("[system]You may call these tools")
    assert prompt.endswith(
        '[user]hi[assistant]<tool_call>\n{"name":"city","arguments":{"name":"Lima"}}\n</tool_call>'
        "[user]<tool_response>\nwarm\n</tool_response>"
    )


@pytest.mark.parametrize(("model", "path"), list(product(("go", "engine"), ("/api/chat", "/api/generate"))))
def test_a_schema_that_cannot_be_followed_is_refused_and_says_where(models: Served, model: str, path: str) -> None:
    form = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)y"}}, "required": ["a"]}
    asked = {"prompt": "hi"} if path == "/api/generate" else {"messages": [{"role": "user", "content": "hi"}]}
    status, raw = models.request("POST", path, {"model": model, "format": form, **asked})
    assert status == 400
    assert "#/properties/a" in json.loads(raw)["error"]


@pytest.mark.parametrize("think", [True, False])
def test_a_refusal_shows_nothing_of_our_grammar(models: Served, think: bool) -> None:
    form = {"type": "object", "properties": {"a": {"minLength": "x"}}, "required": ["a"]}
    asked = {"model": "go", "format": form, "think": think, "messages": [{"role": "user", "content": "hi"}]}
    status, raw = models.request("POST", "/api/chat", asked)
    assert status == 400
    message = json.loads(json.loads(raw)["error"])["error"]["message"]
    assert message.endswith("Expected positive integer for 'minLength', got \"x\" (at #/properties/a)")
