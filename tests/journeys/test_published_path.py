"""A published model from a registry to its answers: pulled, made into another, shown, loaded, listed, asked."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tampu.gguf.reader import read_header
from tests.journeys.conftest import Served, serving
from tests.models import scripted_model
from tests.published import planned_views, published_answers, published_model

NAME = "gemma3-vision"
TOOL = {
    "type": "function",
    "function": {"name": "roll", "parameters": {
        "type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 6}}, "required": ["n"],
    }},
}  # fmt: skip
GREEDY = {"temperature": 0, "num_predict": 8, "num_ctx": 512}


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("lender"), TAMPU_REGISTRY="1") as server:
        content = published_model(NAME).read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert server.request("POST", f"/api/blobs/{digest}", content)[0] in {200, 201}
        named = {"renderer": "qwen3-vl-instruct", "parser": "qwen3-vl-instruct"}
        server.ask("/api/create", {"model": "seer", "files": {"m.gguf": digest}, "stream": False, **named})
        call = ["<tool_call>", "<function=roll>", "<parameter=n>", "3", "</parameter>", "</function>", "</tool_call>"]
        content = scripted_model(call).read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert server.request("POST", f"/api/blobs/{digest}", content)[0] in {200, 201}
        named = {"renderer": "qwen3.5", "parser": "qwen3.5"}
        server.ask("/api/create", {"model": "caller", "files": {"m.gguf": digest}, "stream": False, **named})
        yield server


@pytest.fixture(scope="module")
def borrower(tmp_path_factory: pytest.TempPathFactory, lender: Served) -> Iterator[Served]:
    mirrors = f"registry.ollama.ai={lender.url}"
    with serving(tmp_path_factory.mktemp("borrower"), TAMPU_MIRRORS=mirrors, DOCKER_CONFIG="") as server:
        server.ask("/api/pull", {"model": "seer", "stream": False})
        yield server


def picture() -> str:
    return str(published_answers(NAME)["vision"][0]["image_png_base64"])


def chat(server: Served, model: str, **message: Any) -> Any:
    messages = [{"role": "user", "content": "the sky", **message}]
    return server.ask("/api/chat", {"model": model, "messages": messages, "options": GREEDY, "stream": False})


def test_it_is_pulled_as_it_was_published(lender: Served, borrower: Served) -> None:
    place = "manifests/registry.ollama.ai/library/seer/latest"
    assert (borrower.models / place).read_bytes() == (lender.models / place).read_bytes()
    told = borrower.ask("/api/show", {"model": "seer"})
    assert set(told["capabilities"]) >= {"completion", "vision", "tools"}
    assert told["details"]["family"] == "gemma3"
    assert told["model_info"]["general.architecture"] == "gemma3"


def test_what_is_made_from_it_runs_and_its_memory_is_that_of_the_translation(borrower: Served) -> None:
    borrower.ask("/api/create", {"model": "mine", "from": "seer", "system": "Be brief.", "stream": False})
    assert "vision" in borrower.ask("/api/show", {"model": "mine"})["capabilities"]
    seen = chat(borrower, "mine", images=[picture()])
    assert seen["prompt_eval_count"] > chat(borrower, "mine")["prompt_eval_count"]
    (loaded,) = [each for each in borrower.ask("/api/ps", method="GET")["models"] if each["name"] == "mine:latest"]
    stored = published_model(NAME)
    text, projector = planned_views(stored, read_header(stored))
    assert text is not None
    assert projector is not None
    assert loaded["size"] > text.weights_bytes + projector.weights_bytes
    assert loaded["details"]["family"] == "gemma3"


def test_clients_of_openai_use_it_like_any_other(borrower: Served) -> None:
    url = f"data:image/png;base64,{picture()}"
    content = [{"type": "text", "text": "the sky"}, {"type": "image_url", "image_url": {"url": url}}]
    asked = {"model": "seer", "messages": [{"role": "user", "content": content}], "tools": [TOOL], "max_tokens": 8}
    status, raw = borrower.request("POST", "/v1/chat/completions", {**asked, "temperature": 0})
    assert status == 200, raw
    assert json.loads(raw)["usage"]["completion_tokens"] == 8


@pytest.mark.parametrize("stream", [False, True])
def test_clients_of_openai_are_told_the_calls_of_a_named_format(borrower: Served, stream: bool) -> None:
    borrower.ask("/api/pull", {"model": "caller", "stream": False})
    asked = {"model": "caller", "messages": [{"role": "user", "content": "Roll."}], "tools": [TOOL], "max_tokens": 60}
    status, raw = borrower.request(
        "POST", "/v1/chat/completions", {**asked, "reasoning_effort": "none", "stream": stream}
    )
    assert status == 200, raw
    if not stream:
        (choice,) = json.loads(raw)["choices"]
        (call,) = choice["message"]["tool_calls"]
        assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("roll", {"n": 3})
        assert choice["finish_reason"] == "tool_calls"
        return
    lines = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: {")]
    calls = [call for line in lines for choice in line["choices"] for call in choice["delta"].get("tool_calls") or ()]
    assert "".join(call["function"].get("name") or "" for call in calls) == "roll"
    assert json.loads("".join(call["function"].get("arguments") or "" for call in calls)) == {"n": 3}


def test_two_loads_at_once_are_two_engines_and_leave_nothing(borrower: Served) -> None:
    borrower.ask("/api/generate", {"model": "seer", "keep_alive": 0, "stream": False})
    borrower.ask("/api/create", {"model": "other", "from": "seer", "parameters": {"num_ctx": 256}, "stream": False})
    files = sorted(path.name for path in borrower.models.rglob("*") if path.is_file())
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda model: chat(borrower, model), ["seer", "other"]))
    assert {answer["message"]["role"] for answer in answers} == {"assistant"}
    assert sorted(path.name for path in borrower.models.rglob("*") if path.is_file()) == files
