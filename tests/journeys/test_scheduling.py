"""What clients see of the scheduler: the recorded cases that need a whole server, and what issue and spec promise."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest

from tampu.hardware.devices import allowed_processors
from tests.journeys.conftest import Served, serving, wait_until
from tests.recordings import recorded_bytes, recording

CASES = {case["name"]: case for case in recording("store/scheduler.json")["cases"]}
ELSEWHERE = {
    "openai stream killed": "tests/journeys/test_openai_faults.py: here the stream ends with an error",
    "queue full, /v1/chat/completions": "tests/journeys/test_queue.py plays the full queue on the native routes",
    "queue full, /api/chat": "tests/journeys/test_queue.py",
    "queue full, /api/embed": "tests/journeys/test_queue.py; recorded when the queue had room again",
    "queue full": "tests/journeys/test_queue.py",
    "queue full, but the model asked for is loaded": "tests/journeys/test_queue.py",
    "one request at a time by default": "explained: several requests run at once",
}
"""Cases that another file plays, or a line of docs/differences.md explains."""
POLICY = ("reload: ", "keep_alive ", "OLLAMA_KEEP_ALIVE=", "two names of one weights file")
"""How the cases begin that tests/scheduler/test_recorded.py plays without a server."""


def furnish(served: Served) -> None:
    served.upload("scripted.gguf", "short", template="{{ .Prompt }}<|s0|>")
    served.upload("scripted.gguf", "loop", template="{{ .Prompt }}<|s3|>", parameters={"num_ctx": 512})
    served.upload("second.gguf", "other", template="{{ .Prompt }}<|s0|>")
    served.upload("http.gguf", "third", template="{{ .Prompt }}<|s0|>")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as server:
        furnish(server)
        yield server


def say(served: Served, model: str, **fields: Any) -> dict[str, Any]:
    found = served.ask("/api/generate", {"model": model, "prompt": "x", "stream": False, **fields})
    assert isinstance(found, dict)
    return {key: found[key] for key in ("response", "done", "done_reason")}


def shown(served: Served) -> list[dict[str, Any]]:
    found = served.ask("/api/ps", method="GET")["models"]
    assert isinstance(found, list)
    return found


def names(served: Served) -> list[str]:
    return [each["name"] for each in shown(served)]


def contexts(served: Served) -> list[tuple[str, int]]:
    return [(each["name"], each["context_length"]) for each in shown(served)]


def unload_all(served: Served) -> None:
    for model in ("short", "loop", "other", "third"):
        served.request("POST", "/api/generate", {"model": model, "keep_alive": 0})
    wait_until(lambda: shown(served) == [])


def engines(served: Served) -> set[int]:
    return {child.pid for child in psutil.Process(served.process.pid).children()}


class Stream:
    """A stream that is read a line at a time, and hung up on."""

    def __init__(self, served: Served, model: str, **fields: Any) -> None:
        self.connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
        self.connection.request("POST", "/api/generate", json.dumps({"model": model, "prompt": "x", **fields}))
        self.answer: HTTPResponse = self.connection.getresponse()

    def line(self) -> dict[str, Any]:
        found = json.loads(self.answer.readline() or b"{}")
        assert isinstance(found, dict)
        return found

    def last(self) -> dict[str, Any]:
        lines = self.answer.read().splitlines()
        self.hang_up()
        found = json.loads(lines[-1])
        assert isinstance(found, dict)
        return found

    def hang_up(self) -> None:
        self.answer.close()
        self.connection.close()


def endless(served: Served, model: str = "loop") -> Stream:
    stream = Stream(served, model, options={"num_predict": -1})
    stream.line()
    return stream


def test_every_recorded_case_is_played_or_explained() -> None:
    here = Path(__file__).read_text()
    assert [
        name
        for name in CASES
        if not name.startswith(POLICY) and name not in ELSEWHERE and f'CASES["{name}"]' not in here
    ] == []


def test_loading_unloading_and_two_models(plain: Served) -> None:
    unload_all(plain)
    assert CASES["nothing loaded"]["ps"] == shown(plain)
    loaded = plain.ask("/api/generate", {"model": "short", "stream": False})
    assert loaded["done_reason"] == CASES["load with no prompt"]["answer"]["answer"]["done_reason"]
    one, recorded = shown(plain)[0], CASES["load with no prompt"]["ps"][0]
    assert one.keys() | {"expires_in", "expires_at_form"} == recorded.keys() | {"expires_at"}
    assert [one[key] for key in ("name", "size_vram", "context_length")] == [
        recorded[key] for key in ("name", "size_vram", "context_length")
    ]
    unloaded = plain.ask("/api/generate", {"model": "short", "keep_alive": 0, "stream": False})
    assert unloaded["done_reason"] == CASES["unload"]["answer"]["answer"]["done_reason"]
    wait_until(lambda: shown(plain) == CASES["unload"]["ps_soon"])

    two = CASES["two models loaded"]
    answers = [say(plain, "short", keep_alive=600), say(plain, "other")]
    assert answers == [each["answer"] for each in two["answers"]]
    assert names(plain) == [each["name"] for each in two["ps"]]


def test_bad_keep_alives(plain: Served) -> None:
    texts = ["300", "-1", "x", True, [1]]
    for keep_alive, recorded in zip(texts, CASES["keep_alive bad"]["answers"], strict=True):
        status, raw = plain.request("POST", "/api/generate", {"model": "short", "keep_alive": keep_alive})
        assert (status, json.loads(raw)) == (recorded["status"], recorded["answer"])


def test_busy_models_and_clients_that_hang_up(plain: Served) -> None:
    unload_all(plain)
    stream = endless(plain)
    assert CASES["ps while busy"]["still_running"]
    assert names(plain) == ["loop:latest"]
    stream.hang_up()
    wait_until(lambda: plain.ask("/api/queue", method="GET")["requests"] == [])
    assert say(plain, "short") == CASES["after the client hung up"]["next"]["answer"]


def test_an_engine_killed_in_mid_stream(plain: Served) -> None:
    unload_all(plain)
    stream = endless(plain)
    for pid in engines(plain):
        psutil.Process(pid).kill()
    assert stream.last() == {"error": "an error was encountered while running the model: unexpected EOF"}
    assert names(plain) == [], "Ollama shows the dead one: the line 'A dead engine is replaced'"
    assert say(plain, "short") == CASES["stream killed"]["next"]["answer"]
    assert [each["context_length"] for each in shown(plain)] == [each[2] for each in CASES["stream killed"]["ps_then"]]


def test_a_model_that_is_deleted_while_it_runs(plain: Served) -> None:
    recorded = CASES["delete while it runs"]
    plain.ask("/api/copy", {"source": "loop", "destination": "gone"})
    unload_all(plain)
    stream = endless(plain, "gone")
    assert plain.request("DELETE", "/api/delete", {"model": "gone"})[0] == recorded["delete"]
    assert names(plain) == ["gone:latest"]
    assert stream.line()["done"] is False
    status, raw = plain.request("POST", "/api/generate", {"model": "gone", "prompt": "x"})
    assert (status, json.loads(raw)) == (recorded["next"]["status"], {"error": "model 'gone' not found"})
    before = engines(plain)
    assert say(plain, "short", options={"num_ctx": 512}) == recorded["same_weights"]["answer"]
    assert engines(plain) == before
    stream.hang_up()


def test_options_of_an_answer_never_reload_and_a_context_does_once(plain: Served) -> None:
    unload_all(plain)
    say(plain, "short", options={"num_ctx": 256})
    first = engines(plain)
    for number in (1, 5, 50):
        say(plain, "short", options={"num_ctx": 256, "num_predict": number, "temperature": number / 10, "seed": 1})
    assert engines(plain) == first
    for _ in range(3):
        say(plain, "short", options={"num_ctx": 300})
    second = engines(plain)
    assert len(second) == 1
    assert second != first
    say(plain, "short", options={"num_ctx": 300, "num_predict": 2})
    assert engines(plain) == second


def test_more_threads_than_processors_are_not_to_be_had(plain: Served) -> None:
    """Hundreds of threads that wait for one another would stop the whole machine at one client's wish."""
    unload_all(plain)
    processors = len(allowed_processors())
    say(plain, "short", options={"num_thread": 10_000})
    (engine,) = engines(plain)
    assert psutil.Process(engine).num_threads() < processors + 100
    say(plain, "short", options={"num_thread": processors})
    assert engines(plain) == {engine}


def test_three_models_in_rotation_with_room_for_two(tmp_path: Path) -> None:
    with serving(tmp_path, OLLAMA_MAX_LOADED_MODELS="2") as served:
        furnish(served)
        seen = []
        for _ in range(2):
            for model in ("short", "other", "third"):
                say(served, model)
                seen.append(sorted(name.split(":")[0] for name in names(served)))
        rotating = [["other", "third"], ["short", "third"], ["other", "short"]]
        assert seen == [["short"], ["other", "short"], *rotating, rotating[0]]
        assert len(engines(served)) == 2


def test_room_for_one_model(tmp_path: Path) -> None:
    steps = CASES["OLLAMA_MAX_LOADED_MODELS=1"]["steps"]
    waits = CASES["the other model waits for the busy one"]
    with serving(tmp_path, **waits["env"]) as served:
        furnish(served)
        for model, answer, ps in (("short", *steps[:2]), ("other", *steps[2:])):
            assert say(served, model) == answer["answer"]
            assert [(each["name"], each["context_length"]) for each in shown(served)] == [
                (row[0], row[2]) for row in ps
            ]
        stream = Stream(served, "loop", options={"num_predict": 1500})
        stream.line()
        assert say(served, "other") == waits["second"]["answer"]
        assert stream.last()["done_reason"] == waits["first"]["last"]["done_reason"]
        assert names(served) == [row[0] for row in waits["ps"]]


def test_two_requests_at_once(tmp_path: Path) -> None:
    recorded = CASES["OLLAMA_NUM_PARALLEL=2"]
    with serving(tmp_path, **recorded["env"]) as served:
        furnish(served)
        num_ctx = recorded["ps"][0]["context_length"]
        stream = Stream(served, "loop", options={"num_predict": -1, "num_ctx": num_ctx})
        stream.line()
        assert say(served, "short", options={"num_ctx": num_ctx}) == recorded["second"]["answer"]
        assert [each["context_length"] for each in shown(served)] == [num_ctx]
        stream.hang_up()


@pytest.mark.parametrize("case", [CASES["OLLAMA_CONTEXT_LENGTH=4096"], CASES["OLLAMA_CONTEXT_LENGTH=x"]])
def test_the_context_of_the_settings(tmp_path: Path, case: dict[str, Any]) -> None:
    with serving(tmp_path, **case["env"]) as served:
        furnish(served)
        say(served, "short")
        assert contexts(served) == [(row[0], row[2]) for row in case["ps"]]


def test_a_repaired_file_is_tried_at_once(tmp_path: Path) -> None:
    """A model that failed is not tried again for a while, unless a file of it changes."""
    with serving(tmp_path) as served:
        furnish(served)
        blob = next(path for path in (served.models / "blobs").iterdir() if path.stat().st_size == _size("second.gguf"))
        whole = blob.read_bytes()
        blob.chmod(0o644)
        blob.write_bytes(whole[: len(whole) // 2])
        answers = [served.request("POST", "/api/generate", {"model": "other", "prompt": "x"}) for _ in range(3)]
        assert [status for status, _ in answers] == [500] * 3
        blob.write_bytes(whole)
        assert say(served, "other")["done_reason"] == "stop"


def _size(name: str) -> int:
    return len(recorded_bytes(f"models/{name}"))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_GPU_OVERHEAD": str(3 << 30)}, ""),
        (
            {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "0", "OLLAMA_LLM_LIBRARY": "cpu"},
            "a quantized key/value cache needs flash attention, which is off; it is f16",
        ),
        (
            {"OLLAMA_LLM_LIBRARY": "cuda_v99", "OLLAMA_SCHED_SPREAD": "1", "OLLAMA_KV_CACHE_TYPE": "bf16"},
            "OLLAMA_LLM_LIBRARY=cuda_v99 chooses nothing here",
        ),
    ],
)
def test_settings_of_the_engine_are_heeded_or_told(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    with serving(tmp_path, **variables) as served:
        furnish(served)
        assert say(served, "third")["done_reason"] == "stop"
        assert told in served.log
        assert ("level=WARN" in served.log) is bool(told)
