"""What clients of Ollama do not know to ask for: tokens, ranks, progress, and what was left out of a prompt."""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import CHATML, Served
from tests.recordings import recorded_bytes


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


def test_documents_are_ranked(served: Served, tmp_path: Path) -> None:
    upload(served, "ranks", ranking_model())
    documents = ["the sky is blue", "hello world", "world hello", "blue"]
    found = served.ask("/api/rerank", {"model": "ranks", "query": "hello", "documents": documents})
    scores = [each["relevance_score"] for each in found["results"]]
    assert sorted(each["index"] for each in found["results"]) == [0, 1, 2, 3]
    assert scores == sorted(scores, reverse=True)
    assert found["prompt_eval_count"] > 0
    best = served.ask("/api/rerank", {"model": "ranks", "query": "hello", "documents": documents, "top_n": 2})
    assert best["results"] == found["results"][:2]
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


def test_what_was_left_out_is_told_before_the_first_token(served: Served) -> None:
    served.upload("http.gguf", "fine", template=CHATML % 0)
    messages = [{"role": "user", "content": f"{number} " + "word " * 100} for number in range(100)]
    body = {"model": "fine", "messages": messages, "options": {"num_ctx": 1024}}
    for stream in (True, False):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
        connection.request("POST", "/api/chat", json.dumps({**body, "stream": stream}))
        answer = connection.getresponse()
        last = json.loads(answer.read().splitlines()[-1])
        told = {"messages": int(answer.headers["x-tampu-dropped-messages"]),
                "tokens": int(answer.headers["x-tampu-dropped-tokens"])}  # fmt: skip
        assert last["dropped"] == told
        assert told["messages"] > 90
        connection.close()
    assert "prompt shortened to fit" in served.log
    status, text = refused(served, "/api/chat", {**body, "truncate": False})
    assert status == 400
    assert "1024" in text


def upload(served: Served, name: str, data: bytes) -> None:
    import hashlib

    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
    served.ask("/api/create", {"model": name, "files": {f"{name}.gguf": digest}, "stream": False})


def ranking_model() -> bytes:
    """The tiny embedding model, told to give a score: its first dimension stands for one."""
    data, key = recorded_bytes("models/tiny-bert.gguf"), b"bert.pooling_type"
    place = data.index(key) + len(key) + 4
    return data[:place] + (4).to_bytes(4, "little") + data[place + 4 :]
