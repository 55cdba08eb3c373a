"""Processes that die: the server takes its engines with it, an engine takes only its own stream."""

import http.client
import json
import signal
from pathlib import Path

import psutil

from tests.journeys.conftest import CHATML, Served, serving, wait_until


def engines_of(served: Served) -> list[psutil.Process]:
    return psutil.Process(served.process.pid).children(recursive=True)


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def endless_stream(served: Served) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    body = {"model": "counting", "prompt": "go", "options": {"num_predict": -1, "num_ctx": 4096, "temperature": 0}}
    connection.request("POST", "/api/generate", json.dumps(body))
    return connection, connection.getresponse()


def test_a_killed_server_leaves_no_engine(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.upload("http.gguf", "fine", template=CHATML % 0)
        served.ask("/api/generate", {"model": "fine", "prompt": "Hi", "stream": False})
        engines = engines_of(served)
        assert engines
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(30)
        wait_until(lambda: all(is_gone(engine) for engine in engines))


def test_a_second_signal_does_not_kill_a_server_that_unloads(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.upload("http.gguf", "fine", template=CHATML % 0)
        served.ask("/api/generate", {"model": "fine", "prompt": "Hi", "stream": False})
        engines = engines_of(served)
        served.process.terminate()
        wait_until(lambda: 'reason="shutting down"' in served.log)
        served.process.terminate()
        assert served.process.wait(30) == 0
        assert all(is_gone(engine) for engine in engines)
        assert "Traceback" not in served.log


def test_a_killed_engine_ends_its_stream_in_words_and_the_next_request_works(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.upload("scripted.gguf", "counting", template="{{ .Prompt }}<|s3|>")
        connection, answer = endless_stream(served)
        assert json.loads(answer.readline())["response"]
        for engine in engines_of(served):
            engine.send_signal(signal.SIGKILL)
        last = json.loads(answer.read().splitlines()[-1])
        assert last == {"error": "an error was encountered while running the model: unexpected EOF"}
        answer.close()
        connection.close()
        again = served.ask(
            "/api/generate", {"model": "counting", "prompt": "go", "stream": False, "options": {"num_predict": 3}}
        )
        assert again["done_reason"] == "length"
        assert "Traceback" not in served.log


def test_a_client_that_leaves_frees_the_slot(tmp_path: Path) -> None:
    with serving(tmp_path, OLLAMA_NUM_PARALLEL="1") as served:
        served.upload("scripted.gguf", "counting", template="{{ .Prompt }}<|s3|>")
        connection, answer = endless_stream(served)
        answer.readline()
        connection.close()
        answer.close()
        # With one slot this would wait for the endless answer if it still ran.
        again = served.ask(
            "/api/generate",
            {"model": "counting", "prompt": "go", "stream": False, "options": {"num_predict": 3, "num_ctx": 4096}},
        )
        assert again["eval_count"] == 3
