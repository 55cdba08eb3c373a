"""Whatever an engine does wrong, a request ends with its answer or a clear error, and the server goes on.

A program that plays the faults stands in for the engine; the server, its scheduler and its supervision are real.
"""

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.engine_program import TOKENS, write_fake_engine
from tests.journeys.conftest import Served, serving, wait_until
from tests.models import scripted_model

ALL = "".join(f"{number} " for number in range(TOKENS))
BROKEN = "an error was encountered while running the model: unexpected EOF"
STUCK = "the engine stood still while it worked on the request, and was ended; try again"
ENDED = "the engine ended while it loaded the model"

WHOLE = {
    "none": ALL,
    "pings": ALL,
    "crlf": ALL,
    "byte-by-byte": ALL,
    "umlauts": "".join(f"ä{number} " for number in range(TOKENS)),
    "no-done": ALL,
    "chatters": ALL,
    "wrong-counts": ALL,
    "ignores-sigterm": ALL,
    # What hits a request that has no answer yet costs a second try, and no error.
    "die-at-first-but-once": ALL,
    "closes-at-once-but-once": ALL,
}
REFUSED = {
    "exit-1": f"{ENDED} (exit code 1)",
    "exit-with-words": f"{ENDED} (exit code 1): the moon is in the wrong place at ...",
    "illegal-instruction": "the engine uses processor instructions that this machine does not have (SIGILL)",
    "windows-illegal-instruction": f"{ENDED} (exit code 29)",
    "killed": f"{ENDED} (signal SIGKILL)",
    "out-of-memory": "the model does not fit into the memory that is free; use a smaller model or a smaller num_ctx",
    "never-ready": "timed out waiting for the engine to load the model: no progress for 1 s",
    "never-listens": "timed out waiting for the engine to load the model: no progress for 1 s",
    "wrong-json": "the engine sent what cannot be read",
    "die-at-first": BROKEN,
    "closes-at-once": BROKEN,
    "busy": "Loading model",
}
CUT = {
    "die-at-3": BROKEN,
    "die-at-37": BROKEN,
    "no-end": BROKEN,
    "cut-without-end": BROKEN,
    "error-at-3": "it broke",
    "old-error-at-3": "it broke",
    "nonsense-at-3": "the engine sent what cannot be read",
    "huge-at-3": "the engine sent an event without an end",
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    fake = write_fake_engine(tmp_path_factory.mktemp("fake"))
    variables = {"TAMPU_LLAMA_SERVER": str(fake), "OLLAMA_LOAD_TIMEOUT": "1s", "OLLAMA_MAX_LOADED_MODELS": "4"}
    with serving(tmp_path_factory.mktemp("home"), **variables) as server:
        yield server


def store(served: Served, fault: str, **fields: Any) -> None:
    """A model called after its fault."""
    data = scripted_model(["a", " b"], name=f"fault: {fault};").read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
    served.ask("/api/create", {"model": fault, "files": {"m.gguf": digest}, "stream": False, **fields})


def generate(served: Served, model: str, **fields: Any) -> tuple[int, list[Any]]:
    status, raw = served.request("POST", "/api/generate", {"model": model, "prompt": "x", "raw": True, **fields})
    return status, [json.loads(line) for line in raw.splitlines()]


def said(lines: list[Any]) -> str:
    return "".join(line.get("response", "") for line in lines)


def engines(served: Served) -> list[psutil.Process]:
    """The processes below the server."""
    return [child for child in psutil.Process(served.process.pid).children() if _lives(child)]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def assert_nothing_is_left(served: Served) -> None:
    """No request anywhere, and no engine but those that `ps` shows."""
    wait_until(lambda: served.ask("/api/queue", method="GET")["requests"] == [])
    wait_until(lambda: len(engines(served)) == len(served.ask("/api/ps", method="GET")["models"]))
    assert "Traceback" not in served.log


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", WHOLE)
def test_what_no_client_notices(faulty: Served, fault: str, *, stream: bool) -> None:
    store(faulty, fault)
    status, lines = generate(faulty, fault, stream=stream)
    assert (status, said(lines)) == (200, WHOLE[fault])
    assert lines[-1]["done_reason"] == "stop"
    faulty.ask("/api/generate", {"model": fault, "keep_alive": 0})
    assert_nothing_is_left(faulty)


@pytest.mark.parametrize("fault", REFUSED)
def test_what_fails_before_the_first_word_is_an_error_with_a_status(faulty: Served, fault: str) -> None:
    store(faulty, fault)
    for stream in (True, False):
        status, lines = generate(faulty, fault, stream=stream)
        assert status >= 500
        assert [list(line) for line in lines] == [["error"]]
        assert REFUSED[fault] in lines[0]["error"]
    assert_nothing_is_left(faulty)


@pytest.mark.parametrize("fault", CUT)
def test_what_fails_in_the_middle_is_the_last_line(faulty: Served, fault: str) -> None:
    store(faulty, fault)
    status, lines = generate(faulty, fault)
    assert status == 200
    assert said(lines).startswith("0 1 2 ")
    assert list(lines[-1]) == ["error"]
    assert CUT[fault] in lines[-1]["error"]
    status, lines = generate(faulty, fault, stream=False)
    assert status >= 500
    assert CUT[fault] in lines[0]["error"]
    assert_nothing_is_left(faulty)


_HELLO = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("fault", "path", "body"),
    [
        ("die-at-3", "/api/generate", {"prompt": "x"}),
        ("die-at-37", "/v1/chat/completions", {"messages": _HELLO}),
        ("no-end", "/v1/messages", {"messages": _HELLO, "max_tokens": 60}),
        ("nonsense-at-3", "/api/chat", {"messages": _HELLO}),
    ],
)
def test_an_answer_that_goes_out_whole_is_begun_anew(
    faulty: Served, fault: str, path: str, body: dict[str, Any]
) -> None:
    """Its client has seen nothing of it when the engine dies."""
    fault = f"{fault}-but-once"
    store(faulty, fault, template="{{ .Prompt }}")
    status, raw = faulty.request("POST", path, {"model": fault, "stream": False, **body})
    assert (status, raw.decode().count(ALL.strip())) == (200, 1), raw.decode()
    assert raw.decode().count("0 1 2 ") == 1
    faulty.ask("/api/generate", {"model": fault, "keep_alive": 0})
    assert_nothing_is_left(faulty)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/tokenize", {"text": "x"}),
        ("/api/detokenize", {"tokens": [1, 2, 3]}),
        ("/api/embed", {"input": ["x", "y"]}),
    ],
)
def test_an_engine_that_dies_under_other_requests_is_asked_again(
    faulty: Served, tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    """The engine behaves while it loads: its death is that of a process that was well."""
    store(faulty, "none")
    faulty.ask(path, {"model": "none", **body})
    frozen = engines(faulty)
    for engine in frozen:
        engine.suspend()
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(faulty.ask(path, {"model": "none", **body})))
    asking.start()
    wait_until(lambda: [each["state"] for each in faulty.ask("/api/queue", method="GET")["requests"]] == ["running"])
    for engine in frozen:
        engine.kill()
    asking.join(60)
    assert answers
    assert answers[0]["model"] == "none"
    faulty.ask("/api/generate", {"model": "none", "keep_alive": 0})
    assert_nothing_is_left(faulty)


@pytest.mark.parametrize("fault", ["die-behind-the-prompt-but-once", "die-behind-the-prompt"])
def test_a_message_that_has_begun_without_a_word_is_asked_again(faulty: Served, fault: str) -> None:
    """Anthropic's stream begins when the prompt is read: the engine that is asked then reads it once more."""
    store(faulty, fault, template="{{ .Prompt }}")
    asked = {"model": fault, "messages": [{"role": "user", "content": "x"}], "max_tokens": 60, "stream": True}
    status, raw = faulty.request("POST", "/v1/messages", asked)
    events = [line.removeprefix("event: ") for line in raw.decode().splitlines() if line.startswith("event: ")]
    assert (status, events[:2], events.count("message_start")) == (200, ["message_start", "ping"], 1)
    if fault.endswith("-but-once"):
        assert (events.count("content_block_delta"), events[-1]) == (TOKENS, "message_stop")
    else:
        assert (events[2:], BROKEN in raw.decode()) == (["error"], True)
    assert_nothing_is_left(faulty)


def test_memory_that_runs_out_costs_slots_and_is_told(faulty: Served) -> None:
    fault = "out-of-memory-unless-single"
    store(faulty, fault)
    assert said(generate(faulty, fault)[1]) == ALL
    told = [line for line in faulty.log.splitlines() if "trying again with less" in line and fault in line]
    assert [line.partition("slots=")[2].split()[0] for line in told] == ["4", "2", "1"]
    (note,) = (row["note"] for row in faulty.ask("/api/ps", method="GET")["models"] if row["model"].startswith(fault))
    assert "memory ran out with 8 requests at once" in note
    assert "it has one request at a time" in note
    assert note in faulty.command("ps").stderr
    faulty.ask("/api/generate", {"model": fault, "keep_alive": 0})


class Asking(threading.Thread):
    """A request in a thread, its lines as they come."""

    def __init__(self, served: Served, model: str, prompt: str) -> None:
        super().__init__(daemon=True)
        self.served, self.body = served, {"model": model, "prompt": prompt, "raw": True}
        self.lines = list[Any]()
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=60)
        connection.request("POST", "/api/generate", json.dumps(self.body))
        for line in connection.getresponse():
            self.lines.append(json.loads(line))
        connection.close()


def test_a_crash_with_four_requests_costs_only_those_that_had_begun(faulty: Served) -> None:
    fault = "holds-who-says-so-but-once"
    store(faulty, fault)
    speaking = [Asking(faulty, fault, "speak") for _ in range(2)]
    silent = [Asking(faulty, fault, "quiet") for _ in range(2)]

    def all_run() -> bool:
        states = [each["state"] for each in faulty.ask("/api/queue", method="GET")["requests"]]
        return states == ["running"] * 4

    wait_until(all_run, limit_s=20)
    wait_until(lambda: [said(client.lines) for client in speaking] == ["0 1 2 "] * 2)
    for engine in engines(faulty):
        engine.kill()
    for client in (*speaking, *silent):
        client.join(60)
    assert [said(client.lines) for client in silent] == [ALL, ALL]
    assert [client.lines[-1] for client in speaking] == [{"error": BROKEN}] * 2
    assert [said(client.lines) for client in speaking] == ["0 1 2 "] * 2
    assert len(engines(faulty)) == 1
    faulty.ask("/api/generate", {"model": fault, "keep_alive": 0})
    assert_nothing_is_left(faulty)


@pytest.mark.slow
def test_engines_that_hang_are_noticed_and_replaced(faulty: Served) -> None:
    """Within the 30 seconds that are promised, before the first word and behind it, asleep or computing for ever."""
    faults = ["hangs-at-first-but-once", "hangs-at-3-but-once", "spins-at-3-but-once"]
    for fault in faults:
        store(faulty, fault)
    began = time.monotonic()
    at_first, *in_the_middle = [Asking(faulty, fault, "x") for fault in faults]
    for client in (at_first, *in_the_middle):
        client.join(60)
    assert time.monotonic() - began < 30
    assert said(at_first.lines) == ALL
    for client, fault in zip(in_the_middle, faults[1:], strict=True):
        assert said(client.lines) == "0 1 2 "
        assert client.lines[-1] == {"error": STUCK}
        assert said(generate(faulty, fault)[1]) == ALL
    for fault in faults:
        faulty.ask("/api/generate", {"model": fault, "keep_alive": 0})
    assert_nothing_is_left(faulty)
