"""What clients of Ollama do not know to ask for: tokens, ranks, progress, and what was left out of a prompt."""

import hashlib
import http.client
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.journeys.conftest import CHATML, Served
from tests.models import scripted_model
from tests.recordings import recorded_bytes

JINJA = "{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}<|s0|>"


def refused(served: Served, path: str, body: Any) -> tuple[int, str]:
    status, raw = served.request("POST", path, body)
    return status, json.loads(raw)["error"]


def test_texts_to_tokens_and_back(served: Served) -> None:
    told = served.ask("/api/tokenize", {"model": "fine", "text": "Fine,"})
    assert told["tokens"]
    assert told["total_duration"] >= told["load_duration"]
    back = served.ask("/api/detokenize", {"model": "fine", "tokens": told["tokens"]})
    assert back["text"] == "Fine,"
    assert served.ask("/api/tokenize", {"model": "fine", "text": ""})["tokens"] == []
    # An embedding model has a vocabulary, too, and puts its special tokens around a text.
    bare = served.ask("/api/tokenize", {"model": "vectors", "text": "hello", "add_special": False})["tokens"]
    assert served.ask("/api/tokenize", {"model": "vectors", "text": "hello"})["tokens"][1:-1] == bare


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/tokenize", {"model": "absent", "text": "a"}, 404, "model 'absent' not found"),
        ("/api/tokenize", {"text": "a"}, 400, "model is required"),
        ("/api/tokenize", {"model": "fine", "text": 1}, 400, "json: "),
        ("/api/detokenize", {"model": "fine", "tokens": [10**6]}, 400, "1000000, which is no token"),
        ("/api/detokenize", {"model": "fine", "tokens": [-1]}, 400, "-1, which is no token"),
        ("/api/rerank", {"model": "fine", "query": "a", "documents": ["b"]}, 400, '"fine" does not support rerank'),
        ("/api/rerank", {"model": "fine", "query": "a", "documents": "b"}, 400, "json: "),
        ("/api/rerank", {"model": "fine", "query": "a", "documents": [], "top_n": 0}, 400, "top_n"),
        ("/api/chat", {"model": "fine", "messages": [], "tool_choice": "maybe"}, 400, "tool_choice must be"),
        ("/api/chat", {"model": "fine", "messages": [], "tool_choice": "required"}, 400, "offers no tools"),
    ],
)
def test_refusals(served: Served, path: str, body: Any, status: int, words: str) -> None:
    got, text = refused(served, path, body)
    assert (got, words in text) == (status, True), text


def test_documents_are_ranked(served: Served) -> None:
    upload(served, "ranks", ranking_model())
    documents = ["the sky is blue", "hello world", "world hello", "blue"]
    found = served.ask("/api/rerank", {"model": "ranks", "query": "hello", "documents": documents})
    scores = [each["relevance_score"] for each in found["results"]]
    assert sorted(each["index"] for each in found["results"]) == [0, 1, 2, 3]
    assert scores == sorted(scores, reverse=True)
    assert found["prompt_eval_count"] > 0
    best = served.ask("/api/rerank", {"model": "ranks", "query": "hello", "documents": documents, "top_n": 2})
    assert best["results"] == found["results"][:2]
    shared = {"model": "ranks", "query": "hello", "documents": documents, "top_n": 1, "return_documents": True}
    (first,) = served.ask("/v1/rerank", shared)["results"]
    assert first == found["results"][0] | {"document": {"text": documents[first["index"]]}}
    assert served.ask("/api/rerank", {"model": "ranks", "query": "hello", "documents": []})["results"] == []
    status, text = refused(served, "/api/rerank", {"model": "ranks", "query": "a", "documents": ["hello " * 5000]})
    assert (status, "tokens together, more than the" in text) == (400, True)


def test_progress_of_a_prompt(served: Served) -> None:
    body = {"model": "fine", "messages": [{"role": "user", "content": "word " * 200}], "progress": True}
    lines = served.ask("/api/chat", body)
    steps = [line["progress"] for line in lines if "progress" in line]
    assert steps[-1]["processed"] == steps[-1]["prompt_tokens"] > 200
    assert all(line["message"]["content"] == "" for line in lines if "progress" in line)
    assert "".join(line["message"]["content"] for line in lines) == "Fine, thank you."
    assert not any("progress" in line for line in served.ask("/api/chat", {**body, "progress": False}))


@pytest.mark.parametrize("template", [CHATML % 0, None], ids=["go", "engine"])
def test_fifty_thousand_tokens_against_a_context_of_four(served: Served, template: str | None) -> None:
    """The client is told what was dropped before the first token, in the last chunk and in the log; or refused."""
    model = scripted_model(["All", " is", " well."], context=8192, chat_template=JINJA)
    upload(served, "long", model.read_bytes(), **({"template": template} if template else {}))
    messages = [{"role": "user" if i % 2 else "assistant", "content": f"{i} " + "x" * 500} for i in range(101)]
    body = {"model": "long", "messages": messages, "options": {"num_ctx": 4096}}
    for stream in (True, False):
        headers, last = asked(served, {**body, "stream": stream})
        told = {"messages": int(headers["x-tampu-dropped-messages"]), "tokens": int(headers["x-tampu-dropped-tokens"])}
        assert last["dropped"] == told
        assert told["messages"] > 90
        assert last["prompt_eval_count"] <= 4096
    assert f"dropped_messages={told['messages']}" in served.log
    status, text = refused(served, "/api/chat", {**body, "truncate": False})
    counts = json.loads(text)["error"]
    assert status == 400
    assert counts["n_ctx"] == 4096
    assert counts["n_prompt_tokens"] > 50_000


def asked(served: Served, body: Any) -> tuple[Mapping[str, str], Any]:
    """The headers and the last object of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    try:
        connection.request("POST", "/api/chat", json.dumps(body))
        answer = connection.getresponse()
        return answer.headers, json.loads(answer.read().splitlines()[-1])
    finally:
        connection.close()


def upload(served: Served, name: str, data: bytes, **fields: Any) -> None:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
    served.ask("/api/create", {"model": name, "files": {f"{name}.gguf": digest}, "stream": False, **fields})


def ranking_model() -> bytes:
    """The tiny embedding model, told to give a score: its first dimension stands for one."""
    data, key = recorded_bytes("models/tiny-bert.gguf"), b"bert.pooling_type"
    place = data.index(key) + len(key) + 4
    return data[:place] + (4).to_bytes(4, "little") + data[place + 4 :]
