"""Thousands of spoilt requests at a server with real engines: each is answered, none with a 500, none hurts another.

`make mutations` sends 10,000; by default it is a part of them. A failure names the seed that makes its request again.
"""

import http.client
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import psutil
import pytest

from tests.journeys.conftest import CHATML, Served, serving
from tests.journeys.test_vision import store
from tests.robustness.mutations import Sent, spoilt
from tests.robustness.valid_requests import valid_requests
from tests.vision import seeing_model

COUNT = int(os.environ.get("TAMPU_MUTATIONS", "1500"))
CLIENTS = 4
HANG_S = 60.0
"""A net, not a measure: the slowest answers load a model."""
MOST_GROWTH_BYTES = 96 << 20
ANSWER = "Fine, thank you."
UNFORESEEN = "nobody foresaw"
NOWHERE = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), "http://127.0.0.1:9")
"""A model that is not here is looked for elsewhere; nothing listens at that port."""
NOT_PULLED = b"pull model manifest: "
"""`create` from a model that nobody has: a 500 that clients of Ollama know, and not the server's fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    seed: int
    sent: Sent
    status: int
    answer: bytes

    def __str__(self) -> str:
        raw = "" if self.sent.raw is None else self.sent.raw[:600].decode("utf-8", "replace")
        told = self.answer[:300].decode("utf-8", "replace")
        return f"seed {self.seed}: {self.sent.method} {self.sent.path} {raw}\n  -> {self.status} {told}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    with serving(home, OLLAMA_CONTEXT_LENGTH="256", OLLAMA_NUM_PARALLEL="2", **NOWHERE) as server:
        prepare(server)
        yield server


def prepare(server: Served) -> None:
    server.upload("http.gguf", "fine", template=CHATML % 0)
    server.upload("http.gguf", "base", template=CHATML % 0)
    server.upload("http.gguf", "bystander", template=CHATML % 0)
    server.upload("http-jinja.gguf", "jinja")
    server.upload("tiny-bert.gguf", "vectors")
    files = {path.name: store(server, path) for path in seeing_model()}
    server.ask("/api/create", {"model": "seeing", "files": files, "stream": False})


def send(server: Served, sent: Sent) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)
    try:
        connection.request(sent.method, sent.path, sent.raw, sent.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def outcome_of(server: Served, seed: int) -> Outcome:
    random = Random(seed)  # noqa: S311  # the same each time, on purpose
    sent = spoilt(random.choice(valid_requests()), random)
    try:
        return Outcome(seed, sent, *send(server, sent))
    except (OSError, http.client.HTTPException) as error:
        return Outcome(seed, sent, 0, repr(error).encode())


def is_bad(outcome: Outcome) -> bool:
    if outcome.status == 500 and NOT_PULLED in outcome.answer:
        return False
    return not 200 <= outcome.status < 500 or b"internal server error" in outcome.answer


def bystander_answers(server: Served) -> str:
    body = {"model": "bystander", "messages": [{"role": "user", "content": "Hi there"}], "stream": False}
    status, answer = server.request("POST", "/api/chat", {**body, "options": {"temperature": 0}})
    assert status == 200, answer
    return str(json.loads(answer)["message"]["content"])


def send_all(server: Served, seeds: range) -> list[Outcome]:
    """The bad outcomes, while another client goes on asking and must notice nothing."""
    bad: list[Outcome] = []
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number, outcome in enumerate(pool.map(lambda seed: outcome_of(server, seed), seeds)):
            if is_bad(outcome):
                bad.append(outcome)
            if number % 50 == 0:
                assert bystander_answers(server) == ANSWER
    return bad


@pytest.mark.slow
def test_spoilt_requests_are_answered(served: Served) -> None:
    process = psutil.Process(served.process.pid)
    first = range(COUNT // 2)
    bad = send_all(served, first)
    before = process.memory_info().rss
    bad += send_all(served, range(len(first), COUNT))
    grown = process.memory_info().rss - before
    assert not bad, "\n".join([f"{len(bad)} of {COUNT}", *map(str, bad[:20])])
    assert UNFORESEEN not in served.log
    assert grown < MOST_GROWTH_BYTES, f"the server's memory grew by {grown >> 20} MiB"
    assert bystander_answers(served) == ANSWER
    assert served.process.poll() is None
    still_there = {model["name"] for model in served.ask("/api/tags", method="GET")["models"]}
    assert {"fine:latest", "jinja:latest", "vectors:latest", "seeing:latest"} <= still_there


def test_the_same_seed_makes_the_same_request() -> None:
    def made(seed: int) -> Sent:
        random = Random(seed)  # noqa: S311  # see above
        return spoilt(random.choice(valid_requests()), random)

    assert [made(seed) for seed in range(100)] == [made(seed) for seed in range(100)]
    assert len({made(seed).raw for seed in range(100)}) > 50
