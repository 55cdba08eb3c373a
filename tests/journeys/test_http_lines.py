"""The lines that people paste from notes, without a content type, as `curl -d` sends them."""

import json

import pytest

from tests.journeys.conftest import Served

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def lines_of(served: Served, path: str, body: str) -> list[dict[str, object]]:
    status, raw = served.request("POST", path, body.encode(), **FORM)
    assert status == 200, raw
    return [json.loads(line) for line in raw.splitlines()]


def test_generate_streams_lines(served: Served) -> None:
    lines = lines_of(served, "/api/generate", '{"model":"fine","prompt":"Why is the sky blue?"}')
    assert "".join(str(line["response"]) for line in lines) == "Fine, thank you."
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    last = lines[-1]
    assert set(last) == {
        "model", "created_at", "response", "done", "done_reason", "context", "total_duration", "load_duration",
        "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration",
    }  # fmt: skip


def test_generate_whole(served: Served) -> None:
    (whole,) = lines_of(served, "/api/generate", '{"model":"fine","prompt":"Why?","stream": false}')
    assert (whole["response"], whole["done_reason"]) == ("Fine, thank you.", "stop")


def test_chat_streams_lines(served: Served) -> None:
    body = '{"model":"fine","messages":[{"role":"user","content":"Why is the sky blue?"}]}'
    lines = lines_of(served, "/api/chat", body)
    assert "".join(line["message"]["content"] for line in lines) == "Fine, thank you."  # type: ignore[index]
    assert "context" not in lines[-1]


def test_empty_prompt_loads_and_zero_keep_alive_unloads(served: Served) -> None:
    assert served.ask("/api/generate", {"model": "greek"})["done_reason"] == "load"
    loaded = {entry["name"] for entry in served.ask("/api/ps", method="GET")["models"]}
    assert loaded & {"greek:latest", "fine:latest"}, "both have the same weights, so one engine serves them"
    assert served.ask("/api/generate", {"model": "greek", "keep_alive": 0})["done_reason"] == "unload"
    left = {entry["name"] for entry in served.ask("/api/ps", method="GET")["models"]}
    assert not left & {"greek:latest", "fine:latest"}


def test_stop_words_and_options(served: Served) -> None:
    body = {"model": "greek", "prompt": "x", "stream": False, "options": {"stop": [" delta"], "temperature": 0}}
    answer = served.ask("/api/generate", body)
    assert (answer["response"], answer["done_reason"]) == ("alpha beta gamma", "stop")
    cut = served.ask("/api/generate", {**body, "options": {"num_predict": 3}})
    assert (cut["eval_count"], cut["done_reason"]) == (3, "length")


def test_num_predict_zero_gives_no_token(served: Served) -> None:
    answer = served.ask(
        "/api/generate", {"model": "greek", "prompt": "x", "stream": False, "options": {"num_predict": 0}}
    )
    assert (answer["response"], answer["done_reason"]) == ("", "length")
    assert answer["prompt_eval_count"] > 0


def test_what_no_engine_can_follow_is_refused_where_an_answer_would_begin(served: Served) -> None:
    asked = {"model": "greek", "prompt": "x", "options": {"repeat_penalty": 0}}
    status, raw = served.request("POST", "/api/generate", asked)
    assert (status, json.loads(raw)["error"]) == (400, 'option "repeat_penalty" must be greater than 0, got 0')
    assert served.ask("/api/generate", {**asked, "prompt": ""})["done_reason"] == "load"


@pytest.mark.parametrize("options", [{"num_ctx": 33}, {"num_batch": 50}, {"num_ctx": 31, "num_batch": 100}])
def test_any_context_and_batch_make_vectors(served: Served, options: dict[str, int]) -> None:
    answer = served.ask("/api/embed", {"model": "vectors", "input": ["cat " * 60, "dog"], "options": options})
    assert [len(vector) for vector in answer["embeddings"]] == [32, 32]


def test_a_bad_option_is_told_before_a_picture_that_nobody_can_see(served: Served) -> None:
    asked = {"model": "greek", "prompt": "x", "images": ["aGk="], "options": {"seed": "x"}}
    status, raw = served.request("POST", "/api/generate", asked)
    assert (status, json.loads(raw)["error"]) == (400, 'option "seed" must be of type integer')


@pytest.mark.parametrize(
    "options",
    [
        {"num_batch": 1},
        {"num_thread": 2**40},
        {"repeat_last_n": 2**62, "num_predict": 2**62, "top_k": -(2**62), "num_keep": 2**62},
        {"num_gpu": 2**40, "main_gpu": -1e308, "num_batch": 1e308, "num_ctx": 10**9},
        {"temperature": 1e308, "repeat_penalty": 1e300, "top_p": -5, "seed": -(2**63)},
    ],
)
def test_extreme_options_do_not_cost_the_engine(served: Served, options: dict[str, float]) -> None:
    body = {"model": "greek", "prompt": "x", "stream": False, "options": options}
    assert served.ask("/api/generate", body)["done"]


def test_bad_requests_are_answered_in_words(served: Served) -> None:
    def refused(path: str, body: bytes, method: str = "POST") -> tuple[int, str]:
        status, raw = served.request(method, path, body)
        return status, json.loads(raw)["error"]

    assert refused("/api/chat", b"") == (400, "missing request body")
    assert refused("/api/chat", b'{"model":')[0] == 400
    assert refused("/api/chat", b'{"model": 1}')[0] == 400
    assert refused("/api/chat", b'{"messages": []}') == (400, "model is required")
    assert refused("/api/generate", b'{"model": "absent"}') == (404, "model 'absent' not found")
    assert refused("/api/generate", b'{"model": "a b"}') == (400, "invalid model name")
    assert refused("/api/generate", b'{"model": "fine", "prompt": "x", "options": {"seed": "x"}}') == (
        400,
        'option "seed" must be of type integer',
    )
    assert refused("/api/generate", b'{"model": "fine", "prompt": "x", "context": [1, 99999]}') == (
        400,
        "context holds 99999, which is no token of this model; send what it answered itself",
    )
    assert served.request("GET", "/")[1] == b"Ollama is running"
