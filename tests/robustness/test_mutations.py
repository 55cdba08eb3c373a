"""Thousands of spoilt requests at a server with real engines: each is answered, none with a 500, none hurts another.

`make mutations` sends 10,000; by default it is a part of them. A failure names the seed that makes its request again.
"""

import http.client
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random

import psutil
import pytest

from tests.described import Answer, undescribed
from tests.journeys.conftest import CHATML, Served, serving
from tests.journeys.test_vision import store
from tests.robustness.described_requests import ASKED, described_request, request_for
from tests.robustness.mutations import Sent, plain, spoilt
from tests.robustness.valid_requests import KEPT, Asked, valid_requests
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
NEVER_HONOURED = {
    *("me", "signout", "signoutKey", "webSearch", "webFetch"),
    *("putManifest", "deleteManifest", "deleteBlob", "registryUpload"),
    *("cancelRequest", "cancelResponse", "deleteResponse", "adoptBlob", "transcription", "rerank", "openaiRerank"),
}
"""Operations that are there to refuse, or need what is not here: a file, a model that hears or that ranks."""
MOST_TRIES = 30
"""A drawn request may ask of a model what that one cannot do."""
NOT_PULLED = b"pull model manifest: "
"""`create` from a model that nobody has: a 500 that clients of Ollama know, and not the server's fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    seed: int
    sent: Sent
    status: int
    answer: bytes
    undescribed: tuple[str, ...] = ()
    """What docs/openapi.yaml tells otherwise."""

    def __str__(self) -> str:
        raw = "" if self.sent.raw is None else self.sent.raw[:600].decode("utf-8", "replace")
        told = self.answer[:300].decode("utf-8", "replace")
        return (
            f"seed {self.seed}: {self.sent.method} {self.sent.path} {raw}\n  -> {self.status} {told} {self.undescribed}"
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    with serving(home, OLLAMA_CONTEXT_LENGTH="256", OLLAMA_NUM_PARALLEL="2", TAMPU_REGISTRY="1", **NOWHERE) as server:
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


def send(server: Served, sent: Sent) -> tuple[int, bytes, tuple[str, ...]]:
    """The status, the answer, and what of it is not as it is described."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)
    try:
        connection.request(sent.method, sent.path, sent.raw, sent.headers)
        answer = connection.getresponse()
        raw = answer.read()
        told = Answer.of_bytes(sent.method, sent.path, answer.status, answer.getheaders(), raw)
        return answer.status, raw, tuple(undescribed(told))
    finally:
        connection.close()


def request_of(seed: int) -> Sent:
    """Every other request is drawn from the description of the routes; of those a third is sent as it is."""
    random = Random(seed)  # noqa: S311  # the same each time, on purpose
    if seed % 2:
        return spoilt(random.choice(valid_requests()), random)
    asked = described_request(random)
    return plain(asked) if seed % 3 == 0 else spoilt(asked, random)


def outcome_of(server: Served, seed: int, kept: str) -> Outcome:
    sent = request_of(seed)
    raw = sent.raw and sent.raw.replace(KEPT.encode(), kept.encode())
    try:
        return Outcome(seed, sent, *send(server, replace(sent, path=sent.path.replace(KEPT, kept), raw=raw)))
    except (OSError, http.client.HTTPException) as error:
        return Outcome(seed, sent, 0, repr(error).encode())


def is_bad(outcome: Outcome) -> bool:
    if outcome.status == 500 and NOT_PULLED in outcome.answer:
        return False
    is_answered = 200 <= outcome.status < 500 and b"internal server error" not in outcome.answer
    return not is_answered or bool(outcome.undescribed)


def keep_response(server: Served) -> str:
    """The id of a response that the server keeps."""
    return str(server.ask("/v1/responses", {"model": "fine", "input": "Hi there", "store": True})["id"])


def bystander_answers(server: Served) -> str:
    body = {"model": "bystander", "messages": [{"role": "user", "content": "Hi there"}], "stream": False}
    status, answer = server.request("POST", "/api/chat", {**body, "options": {"temperature": 0}})
    assert status == 200, answer
    return str(json.loads(answer)["message"]["content"])


def send_all(server: Served, seeds: range) -> list[Outcome]:
    """The bad outcomes, while another client goes on asking and must notice nothing."""
    bad: list[Outcome] = []
    kept = keep_response(server)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number, outcome in enumerate(pool.map(lambda seed: outcome_of(server, seed, kept), seeds)):
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


@pytest.mark.slow
def test_requests_drawn_from_the_description_are_honoured(served: Served) -> None:
    """Else what is spoilt of them would be refused before it is looked at."""
    kept = keep_response(served)
    # The one model that may come to harm may have been deleted by what was spoilt before.
    served.ask("/api/copy", {"source": "fine", "destination": "base"})
    never = set()
    for operation in ASKED:
        name = operation.told["operationId"]
        tries = 4 if name in NEVER_HONOURED else MOST_TRIES
        outcomes = []
        while len(outcomes) < tries and not any(outcome.status < 300 for outcome in outcomes):
            random = Random(len(outcomes))  # noqa: S311  # see above
            outcomes.append(sent_as_it_is(served, request_for(operation, random), kept))
        assert not any(map(is_bad, outcomes)), "\n".join(map(str, filter(is_bad, outcomes)))
        if all(outcome.status >= 300 for outcome in outcomes):
            never.add(name)
    assert never == NEVER_HONOURED


def sent_as_it_is(server: Served, asked: Asked, kept: str) -> Outcome:
    sent = plain(asked)
    raw = sent.raw and sent.raw.replace(KEPT.encode(), kept.encode())
    return Outcome(0, sent, *send(server, replace(sent, path=sent.path.replace(KEPT, kept), raw=raw)))


def test_the_same_seed_makes_the_same_request() -> None:
    made = [request_of(seed) for seed in range(200)]
    assert [request_of(seed) for seed in range(200)] == made
    assert len({sent.raw for sent in made}) > 50
