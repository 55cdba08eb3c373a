"""Thoughts that would never end, with a limit: they are closed, and the answer comes."""

import json
from typing import Any

import pytest

from tests.journeys.conftest import Served
from tests.journeys.test_vision import store
from tests.models import scripted_model_of

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
LIMIT = 8
TEMPLATE = (
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
    "{{ .Content }}<|im_end|>\n{{ end }}<|s1|>"
)
IN_WEIGHTS = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}<|s1|>"
)


@pytest.fixture(scope="module")
def brooding(served: Served) -> Served:
    scripts = [{"pieces": ["Answer", " done"]}, {"pieces": ["<think>", "hm", " ah", " oh"], "end": "loop"}]
    for name, own in (("brooding", None), ("brooding-itself", IN_WEIGHTS)):
        path = scripted_model_of({"name": name, "chat_template": own, "scripts": scripts})
        template = {} if own else {"template": TEMPLATE}
        files = {"brooding.gguf": store(served, path)}
        served.ask("/api/create", {"model": name, "files": files, "stream": False, **template})
    return served


def _asked(served: Served, model: str, **fields: Any) -> Any:
    return served.ask("/v1/messages", {**ASKED, "model": model, **fields})


EVERY_TEMPLATE = pytest.mark.parametrize("model", ["brooding", "brooding-itself"])


@EVERY_TEMPLATE
def test_an_answer_comes_behind_thoughts_that_were_cut(brooding: Served, model: str) -> None:
    limited = {"type": "enabled", "budget_tokens": LIMIT}
    endless = _asked(brooding, model, thinking={"type": "enabled"})
    assert [block["type"] for block in endless["content"]] == ["thinking"]
    assert endless["stop_reason"] == "max_tokens"
    whole = _asked(brooding, model, thinking=limited)
    thoughts, text = whole["content"]
    assert 0 < len(thoughts["thinking"].split()) <= LIMIT
    assert (text["text"].strip(), whole["stop_reason"]) == ("Answer done", "end_turn")
    # One answer was written to one prompt.
    assert whole["usage"]["input_tokens"] == endless["usage"]["input_tokens"]
    assert LIMIT < whole["usage"]["output_tokens"] < 60
    status, raw = brooding.request(
        "POST", "/v1/messages", {**ASKED, "model": model, "thinking": limited, "stream": True}
    )
    assert status == 200
    events = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]
    starts = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text"]
    assert events[0]["message"]["usage"]["input_tokens"] == events[-2]["usage"]["input_tokens"]


@EVERY_TEMPLATE
def test_an_answer_in_a_form_too(brooding: Served, model: str) -> None:
    form = {
        "type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"], "additionalProperties": False,
    }  # fmt: skip
    limited = {"type": "enabled", "budget_tokens": LIMIT}
    output = {"format": {"type": "json_schema", "schema": form}}
    # Who has no script writes as many blanks as it may.
    asked = {"thinking": limited, "output_config": output, "options": {"temperature": 0}, "max_tokens": 300}
    whole = _asked(brooding, model, **asked)
    texts = [block["text"] for block in whole["content"] if block["type"] == "text"]
    assert json.loads("".join(texts)) == {"n": 7}


@EVERY_TEMPLATE
def test_the_limit_of_the_answer_holds_too(brooding: Served, model: str) -> None:
    limited = {"type": "enabled", "budget_tokens": 50}
    cut = _asked(brooding, model, thinking=limited, max_tokens=6)
    assert (cut["stop_reason"], cut["usage"]["output_tokens"]) == ("max_tokens", 6)


def test_a_closing_tag_of_the_models_own_is_no_answer(served: Served) -> None:
    scripts = [
        {"pieces": ["Answer", " done"]},
        {"pieces": ["<think>", "hm", " ah", "\n", "</think>", "\n\n", "So", " be it"]},
    ]
    files = {"m.gguf": store(served, scripted_model_of({"name": "closing-twice", "scripts": scripts}))}
    served.ask("/api/create", {"model": "closing-twice", "files": files, "stream": False, "template": TEMPLATE})
    for budget in range(1, 5):
        limited = {"type": "enabled", "budget_tokens": budget}
        content = _asked(served, "closing-twice", thinking=limited)["content"]
        assert "</think>" not in json.dumps(content), budget
        assert content[-1]["type"] == "text"
