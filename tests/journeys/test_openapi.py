"""What recordings do not ask for, asked of a real server: each operation answers as docs/openapi.yaml tells."""

import http.client
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.described import Answer, operation_of, undescribed
from tests.journeys.conftest import CHATML, Served, serving
from tests.openapi import Operation, document, operations
from tests.recordings import recorded_bytes

WEIGHTS = f"sha256:{sha256(recorded_bytes('models/http.gguf')).hexdigest()}"
UNKNOWN = "sha256:" + "0" * 64
TALK = [{"role": "user", "content": "Hi there"}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
RESPONSE_TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
MESSAGE_TOOL = {"name": "get_weather", "input_schema": {"type": "object"}}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
ASKED: tuple[tuple[Any, ...], ...] = (
    ("GET", "/"), ("HEAD", "/"), ("GET", "/openapi.yaml"), ("GET", "/openapi.json"), ("GET", "/metrics"),
    ("GET", "/api/version"), ("HEAD", "/api/version"), ("GET", "/api/status"),
    ("POST", "/api/generate", {"model": "fine", "prompt": "Hi there", "logprobs": True, "top_logprobs": 2}),
    ("POST", "/api/generate", {"model": "fine", "prompt": "Hi there", "stream": False, "progress": True}),
    ("POST", "/api/generate", {"model": "fine", "prompt": "Hi there", "_debug_render_only": True}),
    ("POST", "/api/chat", {"model": "jinja", "messages": TALK, "tools": [TOOL], "progress": True}),
    ("POST", "/api/chat", {"model": "fine", "messages": TALK * 60, "options": {"num_ctx": 256}}),
    ("POST", "/api/embed", {"model": "vectors", "input": ["a", "word " * 900]}),
    ("POST", "/api/embeddings", {"model": "vectors", "prompt": "a"}),
    ("POST", "/api/tokenize", {"model": "fine", "text": "Hi there"}),
    ("POST", "/api/detokenize", {"model": "fine", "tokens": [100, 101]}),
    ("POST", "/api/rerank", {"model": "fine", "query": "a", "documents": ["b"]}),
    ("GET", "/api/tags"), ("HEAD", "/api/tags"), ("GET", "/api/ps"), ("GET", "/api/queue"),
    ("DELETE", "/api/queue/none"),
    ("POST", "/api/show", {"model": "fine", "verbose": True}),
    ("POST", "/api/create", {"model": "made", "from": "fine", "system": "Be kind."}),
    ("POST", "/api/create", {"model": "made", "from": "fine", "stream": False}),
    ("POST", "/api/copy", {"source": "made", "destination": "copied"}),
    ("DELETE", "/api/delete", {"model": "copied"}),
    ("POST", "/api/pull", {"model": "http://127.0.0.1:1/a/b", "insecure": True}),
    ("POST", "/api/push", {"model": "nobody/none", "stream": False}),
    ("HEAD", f"/api/blobs/{WEIGHTS}"), ("HEAD", f"/api/blobs/{UNKNOWN}"),
    ("POST", f"/api/blobs/{WEIGHTS}", recorded_bytes("models/http.gguf")),
    ("POST", f"/api/blobs/{UNKNOWN}", b"other"),
    ("POST", f"/api/blobs/{UNKNOWN}/adopt", {"path": "/etc/passwd"}),
    ("POST", "/api/verify", {"models": ["fine"]}), ("POST", "/api/verify", {"stream": False}),
    ("POST", "/api/purge", {"dry_run": True}), ("POST", "/api/purge", {"dry_run": True, "stream": False}),
    ("GET", "/api/partials"), ("GET", "/api/catalog"), ("GET", "/api/doctor"), ("GET", "/api/engines"),
    ("POST", "/api/engines/use", {"name": "bundled"}), ("POST", "/api/engines/use", {}),
    ("POST", "/api/engines/build", {"name": "../x", "stream": False}),
    ("POST", "/api/tune", {"model": "none"}), ("POST", "/api/tune", {"model": "fine", "reset": True}),
    ("GET", "/api/logs?lines=5"), ("GET", "/api/logs?model=fine"), ("GET", "/api/logs?lines=x"),
    ("POST", "/api/me"), ("POST", "/api/signout"), ("DELETE", "/api/user/keys/a2V5"),
    ("POST", "/api/experimental/web_search", {"query": "x"}), ("POST", "/api/experimental/web_fetch", {"url": "x"}),
    ("GET", "/api/experimental/model-recommendations"),
    ("POST", "/v1/chat/completions", {"model": "jinja", "messages": TALK, "tools": [TOOL], "stream": True}),
    ("POST", "/v1/chat/completions", {"model": "fine", "messages": TALK, "logprobs": True, "n": 2}),
    ("POST", "/v1/completions", {"model": "fine", "prompt": "a", "logprobs": 2, "stream": True, "max_tokens": 5,
                                 "stream_options": {"include_usage": True}}),
    ("POST", "/v1/embeddings", {"model": "vectors", "input": "a", "encoding_format": "base64"}),
    ("POST", "/v1/rerank", {"model": "fine", "query": "a", "documents": ["b"]}),
    ("POST", "/v1/tokenize", {"model": "fine", "prompt": "Hi there"}),
    ("POST", "/v1/detokenize", {"model": "fine", "tokens": [100, 101]}),
    ("POST", "/v1/audio/transcriptions", b"no form"),
    ("POST", "/v1/responses", {"model": "fine", "input": "Hi there", "stream": True, "top_logprobs": 2, "store": True}),
    ("POST", "/v1/responses", {"model": "jinja", "input": "Hi there", "tools": [RESPONSE_TOOL], "stream": True,
                               "reasoning": {"effort": "low"}, "max_output_tokens": 40}),
    ("POST", "/v1/responses", {"model": "fine", "input": "Hi there", "previous_response_id": "resp_none"}),
    ("POST", "/v1/responses/input_tokens", {"model": "fine", "input": "Hi there"}),
    ("GET", "/v1/models"), ("GET", "/v1/models/fine"), ("GET", "/v1/models/none"),
    ("GET", "/v1/models?limit=1", None, ANTHROPIC), ("GET", "/v1/models/fine", None, ANTHROPIC),
    ("GET", "/v1/models/none", None, ANTHROPIC),
    ("POST", "/v1/messages", {"model": "jinja", "max_tokens": 40, "messages": TALK, "tools": [MESSAGE_TOOL],
                              "stream": True, "cache_control": {"type": "ephemeral"}}),
    ("POST", "/v1/messages", {"model": "fine", "max_tokens": 40, "messages": TALK, "stop_sequences": [","]}),
    ("POST", "/v1/messages", {"model": "fine", "max_tokens": 0, "messages": TALK}),
    ("POST", "/v1/messages/count_tokens", {"model": "fine", "messages": TALK}),
    *((method, path) for method in ("GET", "HEAD") for path in (
        "/v2/", "/v2/_catalog?n=1", "/v2/library/fine/tags/list", "/v2/library/fine/manifests/latest",
        "/v2/library/none/manifests/latest", f"/v2/library/fine/blobs/{WEIGHTS}",
    )),
    ("GET", f"/v2/library/fine/blobs/{WEIGHTS}", None, {"range": "bytes=0-9"}),
    ("GET", f"/v2/library/fine/blobs/{WEIGHTS}", None, {"range": "bytes=999999999-"}),
    ("GET", f"/v2/library/fine/blobs/{WEIGHTS}", None, {"if-none-match": f'"{WEIGHTS}"'}),
    ("PUT", "/v2/library/fine/manifests/latest"), ("DELETE", "/v2/library/fine/manifests/latest"),
    ("DELETE", f"/v2/library/fine/blobs/{WEIGHTS}"), ("POST", "/v2/library/fine/blobs/uploads/"),
)  # fmt: skip
OF_KEPT: tuple[tuple[str, str], ...] = (
    ("GET", ""), ("GET", "/input_items"), ("GET", "/input_items?limit=0"), ("POST", "/cancel"), ("DELETE", ""),
    ("GET", ""),
)  # fmt: skip
"""What is asked of a kept response, in this order."""
NOT_HONOURED = {
    "DELETE /api/queue/{id}": "a request that runs for long",
    "POST /api/rerank": "a model that ranks",
    "POST /v1/rerank": "a model that ranks",
    "POST /v1/audio/transcriptions": "a model that hears",
    "POST /v1/responses/{id}/cancel": "a response that is being made",
    "POST /api/engines/build": "minutes",
    "POST /api/push": "a registry",
    "POST /api/blobs/{digest}/adopt": "a file that is to be had",
}
"""Operations that refuse here, and what they would need. Of those that always do, only refusals are described."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home"), TAMPU_REGISTRY="1", OLLAMA_CONTEXT_LENGTH="512") as server:
        server.upload("http.gguf", "fine", template=CHATML % 0)
        server.upload("http-jinja.gguf", "jinja")
        server.upload("tiny-bert.gguf", "vectors")
        yield server


def ask(server: Served, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data, dict(headers or {}))
        answer = connection.getresponse()
        return Answer.of_bytes(method, path, answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


@pytest.mark.slow
def test_every_operation_answers_as_it_is_described(served: Served) -> None:
    answers = [ask(served, *asked) for asked in ASKED]
    kept = ask(served, "POST", "/v1/responses", {"model": "fine", "input": "Hi there", "store": True})
    answers += [kept, *(ask(served, method, f"/v1/responses/{kept.body['id']}{rest}") for method, rest in OF_KEPT)]
    wrong = {f"{each.method} {each.path} -> {each.status}": told for each in answers if (told := undescribed(each))}
    assert wrong == {}
    honoured = {_operation(each) for each in answers if each.status < 300}
    can_be = {_name(each) for each in operations() if any(status[0] == "2" for status in each.told["responses"])}
    assert can_be - honoured == set(NOT_HONOURED)


def _operation(answer: Answer) -> str:
    found = operation_of(answer.method, answer.path)
    assert found is not None, answer
    return _name(found)


def _name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def test_a_server_describes_itself(served: Served) -> None:
    written, told = served.request("GET", "/openapi.yaml")[1], served.request("GET", "/openapi.json")[1]
    assert written.startswith(b"openapi: 3.1.0\n")
    assert json.loads(told) == document()


def test_the_description_is_part_of_the_package() -> None:
    import tampu.server

    described = Path(tampu.server.__file__).parent / "openapi.yaml"
    assert not described.is_symlink()
    assert (Path(__file__).parents[2] / "docs" / "openapi.yaml").resolve() == described.resolve()
