"""Models that name their renderer and their parser, through the server: prompts, answers, streamed and not."""

import hashlib
import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tampu.parsing.formats.registry import parser_named
from tests.journeys.conftest import Served
from tests.models import recorded_model, scripted_model, scripted_model_of
from tests.parsing.explained import FORMAT_RULES, Reading, Reply, explanation
from tests.recordings import recording
from tests.tally import Case, Tally

FAMILIES = sorted({row["parser"] for row in recording("prompting/server_builtin.json")})
ENDPOINTS = ["/api/chat", "/api/generate"]
_CALL_ID = re.compile("call_[a-z0-9]{8}")


def create(served: Served, name: str, weights: Path, **settings: Any) -> None:
    """A model of these weights, unless it is there already with these settings."""
    digest = f"sha256:{hashlib.sha256(weights.read_bytes()).hexdigest()}"
    served.request("POST", f"/api/blobs/{digest}", weights.read_bytes())
    served.ask("/api/create", {"model": name, "files": {"m.gguf": digest}, "stream": False, **settings})


def with_dates(text: str) -> str:
    today = date.today()  # noqa: DTZ011 - the server, too, tells the local date
    return text.replace("{DATE}", today.isoformat()).replace("{YESTERDAY}", (today - timedelta(1)).isoformat())


def shown_prompt(served: Served, row: dict[str, Any]) -> tuple[int, str]:
    """The status, and the prompt or the error."""
    asked = {**row["request"], "model": row["create"]["model"], "_debug_render_only": True, "stream": False}
    status, raw = served.request("POST", row["endpoint"], asked)
    answer = json.loads(raw)
    return status, answer["_debug_info"]["rendered_template"] if status == 200 else answer["error"]


def models_with_cases() -> list[list[dict[str, Any]]]:
    """The recorded prompts, by the model that they are of."""
    of_model: dict[str, list[dict[str, Any]]] = {}
    for row in recording("prompting/renderers_http.json"):
        if "rendered" in row or "error" in row:
            of_model.setdefault(json.dumps(row["create"], sort_keys=True), []).append(row)
    return list(of_model.values())


def name_of(rows: list[dict[str, Any]]) -> str:
    made = rows[0]["create"]
    return f"{made['model']}-{made.get('renderer', '')}-{made.get('parser', '')}"


@pytest.mark.parametrize("rows", models_with_cases(), ids=name_of)
def test_prompts_are_those_of_ollama(served: Served, rows: list[dict[str, Any]], tally: Tally) -> None:
    create(served, weights=recorded_model("scripted"), name=rows[0]["create"]["model"], **settings_of(rows[0]))
    told = served.ask("/api/show", {"model": rows[0]["create"]["model"]})
    assert told["capabilities"] == rows[0]["capabilities"]
    for row in rows:
        with tally.case("prompting/renderers_http"):
            status, text = shown_prompt(served, row)
            assert status == row["status"], row["name"]
            if status != 200:
                # An unknown renderer is told along with the known ones.
                assert text.startswith(row["error"].replace("{MODEL}", row["create"]["model"])), row["name"]
            else:
                right = [with_dates(prompt) for prompt in (row["rendered"], *row.get("also", ()))]
                assert text in right, row["name"]


def settings_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row["create"].items() if name != "model"}


def answer(served: Served, row: dict[str, Any], model: str, *, stream: bool) -> tuple[int, dict[str, Any]]:
    """The status, and what was said in all; ids of calls as `{ID}`."""
    status, raw = served.request("POST", row["endpoint"], {**row["request"], "model": model, "stream": stream})
    said: dict[str, Any] = {}
    for line in _CALL_ID.sub("{ID}", raw.decode()).splitlines():
        part = json.loads(line)
        for name, value in part.get("message", part).items():
            if value and name in {"content", "thinking", "response", "tool_calls"}:
                said[name] = said[name] + value if name in said else value
    return status, said


def expected(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row["whole"].items() if value}


def reading(said: dict[str, Any]) -> Reading:
    functions = [call["function"] for call in said.get("tool_calls", [])]
    calls = [(function["index"], function["name"], function["arguments"]) for function in functions]
    return said.get("content", ""), said.get("thinking", ""), calls


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_those_of_ollama(served: Served, family: str, stream: bool, tally: Tally) -> None:
    for row in recording("prompting/server_builtin.json"):
        if row["parser"] != family:
            continue
        name = f"says-{hashlib.sha256(json.dumps(row['scripts']).encode()).hexdigest()[:12]}-{family}"
        create(served, name, scripted_model_of(row["scripts"]), parser=family, template=row["template"])
        with tally.case(f"prompting/server_builtin{', streams' if stream else ''}") as case:
            status, said = answer(served, row, name, stream=stream)
            check_answer(row, status, said, case)


def check_answer(row: dict[str, Any], status: int, said: dict[str, Any], case: Case) -> None:
    if row["status"] == 400:
        assert status == 400, row["name"]
        return
    assert status == 200, row["name"]
    if row["status"] == 500:
        # Ollama gives up; here the text of the call is there.
        case.line = "A bad call never fails the request"
        assert said.get("content") or said.get("response") or said.get("tool_calls"), row["name"]
    elif row["endpoint"] == "/api/chat":
        reply = Reply("".join(row["scripts"]["scripts"][0]["pieces"]), parser_named(row["parser"]).preserved)
        rule = explanation(reply, reading(expected(row)), reading(said), FORMAT_RULES)
        case.line = rule
        assert rule is not None, row["name"]
    else:
        case.line = "Completions tell calls and thinking" if said != expected(row) else None
        assert_same_but_not_lost(said, expected(row))


def assert_same_but_not_lost(said: dict[str, Any], wanted: dict[str, Any]) -> None:
    """In a completion Ollama loses calls, and does not split thinking that nobody asked for; both are told here."""
    if "thinking" in said and "thinking" not in wanted:
        assert said["response"] in wanted["response"]
        return
    for name in ("response", "thinking"):
        assert said.get(name) == wanted.get(name)


def test_an_unknown_parser_is_told_with_the_known_ones(served: Served) -> None:
    create(served, "from-the-future", recorded_model("scripted"), parser="next-year", template="{{ .Prompt }}<|s0|>")
    asked = {"model": "from-the-future", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    status, raw = served.request("POST", "/api/chat", asked)
    assert status == 500
    message = json.loads(raw)["error"]
    assert message.startswith('unknown parser "next-year"; this version knows cogito, ')


THOUGHTS = {
    "qwen3-thinking": ["<think>", "Hm.", "</think>"],
    "gemma4": ["<|channel>", "thought", "\n", "Hm.", "<channel|>"],
    "harmony": ["<|channel|>", "analysis", "<|message|>", "Hm.", "<|end|>", "<|start|>", "assistant"],
}
TALK = "{{ range .Messages }}{{ .Content }}{{ end }}{{ .Tools }}<|s0|>"
# Behind thoughts that the prompt already shows, the second script is said.
TWO_SCRIPTS = "{{ range .Messages }}{{ .Content }}{{ end }}{{ if eq (len .Messages) 1 }}<|s0|>{{ else }}<|s1|>{{ end }}"


@pytest.mark.parametrize("parser", ["qwen3-thinking", "gemma4", "harmony"])
def test_a_format_holds_behind_the_thoughts_of_a_named_format(served: Served, parser: str) -> None:
    """The model is asked a second time, with its thoughts."""
    weights = scripted_model([*THOUGHTS[parser], '{"n":3}'], ['{"n": 4}'])
    create(served, f"held-{parser}", weights, parser=parser, template=TWO_SCRIPTS)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    asked = {"model": f"held-{parser}", "messages": [{"role": "user", "content": "n?"}], "format": schema}
    told = served.ask("/api/chat", {**asked, "stream": False, "options": {"num_predict": 60, "temperature": 0}})
    assert told["message"]["thinking"] == "Hm."
    assert json.loads(told["message"]["content"]) == {"n": 4}


TOOL = {
    "type": "function",
    "function": {
        "name": "roll",
        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("parser", ["qwen3-coder", "gemma4", "harmony", "qwen3-thinking"])
def test_calls_and_formats_are_demanded_of_named_formats(served: Served, parser: str, stream: bool) -> None:
    """Whatever the family would write of its own accord, an answer that is held to a form is read as that form."""
    create(served, f"made-{parser}", scripted_model(["I would", " rather", " talk"]), parser=parser, template=TALK)
    row = {"endpoint": "/api/chat", "request": {
        "messages": [{"role": "user", "content": "n?"}], "options": {"num_predict": 90, "temperature": 0},
    }}  # fmt: skip
    thinking = {"think": False} if parser in THOUGHTS else {}
    schema = {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"], "additionalProperties": False}

    def told(**fields: Any) -> dict[str, Any]:
        asked = {**row, "request": {**row["request"], **thinking, **fields}}
        status, said = answer(served, asked, f"made-{parser}", stream=stream)
        assert status == 200, said
        return said

    demanded = told(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "roll"}})
    assert [call["function"]["name"] for call in demanded["tool_calls"]] == ["roll"]
    assert set(demanded) == {"tool_calls"}
    assert json.loads(told(format=schema)["content"]) == {"n": 7}
    both = told(format=schema, tools=[TOOL])
    assert both.get("tool_calls") or json.loads(both["content"]) == {"n": 7}


@pytest.mark.parametrize("stream", [False, True])
def test_half_a_character_in_a_call_fails_no_request(served: Served, stream: bool) -> None:
    says = ["<tool_call>", r'{"name": "roll", "arguments": {"n": "a\ud83d"}}', "</tool_call>"]
    create(served, "half", scripted_model(says), parser="qwen3", template=TALK)
    row = {"endpoint": "/api/chat", "request": {
        "messages": [{"role": "user", "content": "n?"}], "tools": [TOOL], "options": {"num_predict": 60},
    }}  # fmt: skip
    status, said = answer(served, row, "half", stream=stream)
    assert status == 200
    assert [call["function"]["arguments"] for call in said["tool_calls"]] == [{"n": "a\ufffd"}]
