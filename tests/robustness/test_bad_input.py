"""Requests that are large, deep or endless on purpose: refused in words, while another client notices nothing."""

import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
import pytest

from tests.journeys.conftest import Served, serving
from tests.robustness.test_mutations import ANSWER, NOWHERE, UNFORESEEN, bystander_answers, prepare
from tests.vision import png_of

MIB = 1 << 20
MOST_GROWTH_BYTES = 600 * MIB
"""Of server and engines together: a body of 64 MiB is there as bytes, as text and as what it means."""
MOST_STALLED = 0.5


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home"), OLLAMA_CONTEXT_LENGTH="512", **NOWHERE) as server:
        prepare(server)
        for model in ("fine", "jinja", "seeing"):
            server.ask("/api/generate", {"model": model, "prompt": "", "stream": False})
        yield server


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "fine", "prompt": "x", "stream": False, **fields}).encode()


def chat(**fields: Any) -> bytes:
    talk = [{"role": "user", "content": "x"}]
    return json.dumps({"model": "jinja", "messages": talk, "stream": False, **fields}).encode()


def tool(properties: int) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(properties)}}
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return b'{"model":"fine","prompt":"x","format":' + opening * depth + b"1" + closing * depth + b"}"


GENERATE, CHAT, EMBED = "/api/generate", "/api/chat", "/api/embed"
LOOP = '{{ define "a" }}{{ template "a" }}{{ template "a" }}{{ end }}{{ template "a" . }}'
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "100 MB": (GENERATE, lambda: body(prompt="x" * 100_000_000), "longer than 64 MiB"),
    "long prompt": (GENERATE, lambda: body(prompt="x" * 60 * MIB), "far more than a context"),
    "long message": (CHAT, lambda: chat(messages=[{"role": "user", "content": "word " * MIB}]), "far more than"),
    "numbers": (GENERATE, lambda: b'{"model":"fine","prompt":"x","context":[' + b"1," * 20 * MIB + b"1]}", "2000000"),
    "texts": (EMBED, lambda: b'{"model":"vectors","input":[' + b'"a",' * 10 * MIB + b'"b"]}', "2000000 values"),
    "too many texts": (EMBED, lambda: body(model="vectors", input=["a"] * 70_000), "at most 65536"),
    "deep objects": (GENERATE, lambda: nested(b'{"a":', b"}", 10_000), "exceeded max depth"),
    "deep arrays": (GENERATE, lambda: b"[" * MIB, "nested too deeply"),
    "deep schema": (GENERATE, lambda: nested(b'{"items":', b"}", 400), "nested more than 100 levels"),
    "large schema": (GENERATE, lambda: body(format={"enum": [], "properties": {f"p{n}": {} for n in range(30_000)}}),
                     "more than 5000 parts"),
    "NaN": (GENERATE, lambda: b'{"model":"fine","prompt":"x","options":{"temperature":NaN}}', "invalid character"),
    "endless text": (GENERATE, lambda: b'{"model":"fine","prompt":"' + b"x" * 50 * MIB, "unexpected EOF"),
    "surrogates": (GENERATE, lambda: b'{"model":"fine","prompt":"' + b"\\ud800" * 2 * MIB + b'"}', "surrogate"),
    "large tool": (CHAT, lambda: chat(tools=[tool(10_000)]), "at most 300"),
    "many tools": (CHAT, lambda: chat(tools=[tool(10)] * 5000), "at most 524288"),
    "template loops": (GENERATE, lambda: body(template=LOOP), "template"),
    "template pads": (GENERATE, lambda: body(template='{{ printf "%999999d" 1 }}' * 9), "far more than a context"),
    "long template": (GENERATE, lambda: body(template="{{ .Prompt }}" * MIB), "template has"),
    "picture bomb": (GENERATE, lambda: body(model="seeing", images=[b64encode(png_of(60_000, 60_000, b"")).decode()]),
                     "60000 x 60000 pixels"),
    "large picture": (GENERATE, lambda: body(images=["A" * 48 * MIB]), "does not support images"),
    "bad picture": (GENERATE, lambda: body(images=["A" * 48 * MIB + "!"]), "at input byte 50331648"),
    "option of a wrong type": (GENERATE, lambda: body(options={"top_k": "x" * MIB}), "top_k"),
    "a million stops": (GENERATE, lambda: body(options={"stop": [f"s{n}" for n in range(1_000_000)]}), "at most 10000"),
    "uncounted items": (GENERATE, lambda: body(format={"items": {"minItems": 10**8}}), "items of arrays"),
    "number without end": (GENERATE, lambda: b'{"model":"fine","prompt":"x","options":{"top_p":1e999}}', "1e999"),
    "integer without end": (GENERATE, lambda: body(options={"min_p": 10**400}), "min_p"),
}  # fmt: skip
LARGEST = (
    "long prompt",
    "numbers",
    "texts",
    "endless text",
    "surrogates",
    "large picture",
    "bad picture",
    "many tools",
)
TAKEN: dict[str, tuple[str, Callable[[], bytes]]] = {
    "1,000 stops": (GENERATE, lambda: body(options={"stop": [f"s{n}" for n in range(1000)]})),
    "10 MB stop": (GENERATE, lambda: body(options={"stop": ["s" * 10_000_000]})),
    "huge options": (GENERATE, lambda: body(options=dict.fromkeys(("num_ctx", "num_predict", "top_k", "seed"), 2**62))),
    "negative options": (
        GENERATE,
        lambda: body(options=dict.fromkeys(("num_predict", "top_k", "seed", "min_p"), -(2**40))),
    ),
    "1 MB text": (EMBED, lambda: body(model="vectors", input="w" * MIB)),
    "10,000 texts": (EMBED, lambda: body(model="vectors", input=[f"word {n}" for n in range(10_000)])),
    "long conversation": (CHAT, lambda: chat(model="fine", messages=[{"role": "user", "content": "x hello"}] * 5000)),
}


@dataclass
class Witness:
    """Another client: how long each of its requests waited."""

    waits: list[float] = field(default_factory=list)

    @property
    def stalled_s(self) -> float:
        """Seconds in waits that are out of all proportion."""
        usual = median(self.waits)
        return sum(wait for wait in self.waits if wait > 50 * usual)


@contextmanager
def watching(server: Served) -> Iterator[Witness]:
    witness, is_over = Witness(), threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not is_over.is_set():
            begun = time.perf_counter()
            connection.request("GET", "/api/version")
            assert connection.getresponse().read()
            witness.waits.append(time.perf_counter() - begun)
            is_over.wait(0.002)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield witness
    finally:
        is_over.set()
        thread.join()


def memory_of(server: Served) -> int:
    process = psutil.Process(server.process.pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_words(served: Served, name: str) -> None:
    path, make, words = REFUSED[name]
    raw = make()
    before = memory_of(served)
    status, answer = served.request("POST", path, raw)
    assert (status, words in answer.decode()) == (400, True), answer[:500]
    assert len(answer) < 5000, "an error does not repeat what it refuses"
    assert memory_of(served) - before < MOST_GROWTH_BYTES
    assert bystander_answers(served) == ANSWER


@pytest.mark.slow
@pytest.mark.parametrize("name", TAKEN)
def test_it_is_large_and_right(served: Served, name: str) -> None:
    path, make = TAKEN[name]
    before = memory_of(served)
    status, answer = served.request("POST", path, make())
    assert status == 200, answer[:500]
    told = json.loads(answer)
    if path == EMBED:
        assert len(told["embeddings"]) == (10_000 if "10,000" in name else 1)
    assert memory_of(served) - before < MOST_GROWTH_BYTES
    assert bystander_answers(served) == ANSWER


@pytest.mark.slow
def test_another_client_does_not_stand_still(served: Served) -> None:
    """The largest in a row: somebody who asks for next to nothing meanwhile is answered most of the time."""
    bodies = [(path, make()) for path, make, _ in map(REFUSED.__getitem__, LARGEST)]
    with watching(served) as witness:
        begun = time.perf_counter()
        for path, raw in bodies:
            assert served.request("POST", path, raw)[0] == 400
        took_s = time.perf_counter() - begun
    assert witness.stalled_s < MOST_STALLED * took_s
    assert len(witness.waits) > 2 * len(bodies)


def test_nothing_was_unforeseen(served: Served) -> None:
    assert UNFORESEEN not in served.log
    assert served.process.poll() is None
