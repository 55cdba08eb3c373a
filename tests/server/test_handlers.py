"""Streams, errors before and after the first byte, lost clients, bodies that are too long."""

import json
import logging
import socket
import time
from collections.abc import Iterator

import anyio
import pytest

from tampu.errors import BadRequest, EngineCrashed, EngineRefused, InvalidParameter, QueueFull, TampuError
from tampu.generation import Finished, FinishReason, PromptRendered, TextDelta, Usage
from tampu.progress import SUCCESS, Progress
from tampu.server.exchange import MAX_BODY_BYTES, Exchange
from tests.fakes.operations import FakeOperations
from tests.server.live import Live, live_server

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
DONE = Finished(reason=FinishReason.STOP, usage=Usage(3, 0, 2))


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with live_server(FakeOperations(models=["m"])) as live:
        yield live


def _script(live: Live, *steps: object) -> None:
    live.operations.script = list(steps)  # type: ignore[arg-type]


def test_events_become_lines(live: Live) -> None:
    _script(live, TextDelta("a"), TextDelta(""), TextDelta("b"), DONE)
    response, body = live.ask("POST", "/api/chat", CHAT)
    lines = [json.loads(line) for line in body.splitlines()]
    assert response.getheader("content-type") == "application/x-ndjson"
    assert [line["message"]["content"] for line in lines] == ["a", "b", ""]
    assert [line["done"] for line in lines] == [False, False, True]


def test_an_unstreamed_answer_is_one_object(live: Live) -> None:
    _script(live, TextDelta("a"), TextDelta("b"), DONE)
    response, body = live.ask("POST", "/api/chat", CHAT | {"stream": False})
    assert response.getheader("content-type") == "application/json; charset=utf-8"
    assert int(response.getheader("content-length")) == len(body)
    assert json.loads(body)["message"]["content"] == "ab"
    assert json.loads(body)["prompt_eval_count"] == 3


@pytest.mark.parametrize("event", [Finished(reason=FinishReason.LOAD), PromptRendered("p")])
@pytest.mark.parametrize("stream", [True, False])
def test_loads_and_rendered_prompts_are_one_object_always(live: Live, event: object, *, stream: bool) -> None:
    _script(live, event)
    response, body = live.ask("POST", "/api/chat", CHAT | {"stream": stream})
    assert response.getheader("content-type") == "application/json; charset=utf-8"
    assert "done" in json.loads(body)


@pytest.mark.parametrize(
    ("error", "stream", "status", "content_type"),
    [
        (InvalidParameter("option"), True, 400, "application/json; charset=utf-8"),
        (InvalidParameter("option"), False, 400, "application/json; charset=utf-8"),
        (QueueFull(), True, 503, "application/json; charset=utf-8"),
        (EngineRefused(400, "engine says"), True, 400, "application/json"),
        (EngineRefused(400, "engine says"), False, 400, "application/json; charset=utf-8"),
        (EngineCrashed("gone"), True, 500, "application/json"),
    ],
)
def test_an_error_before_the_first_byte_has_its_status(
    live: Live, error: TampuError, status: int, content_type: str, *, stream: bool
) -> None:
    _script(live, error)
    response, body = live.ask("POST", "/api/chat", CHAT | {"stream": stream})
    assert (response.status, response.getheader("content-type")) == (status, content_type)
    assert json.loads(body) == {"error": error.message}


def test_an_error_after_the_first_byte_is_the_last_line(live: Live) -> None:
    _script(live, TextDelta("a"), EngineCrashed("it died"))
    response, body = live.ask("POST", "/api/chat", CHAT)
    lines = [json.loads(line) for line in body.splitlines()]
    assert response.status == 200
    assert lines[-1] == {"error": "it died"}
    assert not any(line.get("done") for line in lines)


@pytest.mark.parametrize("grouped", [False, True])
def test_an_error_of_ours_inside_a_group_is_found(live: Live, *, grouped: bool) -> None:
    error = BadRequest("ours")
    _script(live, ExceptionGroup("of a task group", [error]) if grouped else error)
    response, body = live.ask("POST", "/api/chat", CHAT)
    assert (response.status, json.loads(body)) == (400, {"error": "ours"})


@pytest.mark.parametrize("begun", [False, True])
def test_what_nobody_foresaw_tells_no_secrets(live: Live, caplog: pytest.LogCaptureFixture, *, begun: bool) -> None:
    _script(live, *([TextDelta("a")] if begun else []), ValueError("/home/secret"))
    with caplog.at_level(logging.ERROR):
        response, body = live.ask("POST", "/api/chat", CHAT)
    said = json.loads(body.splitlines()[-1])["error"]
    assert response.status == (200 if begun else 500)
    assert "secret" not in body.decode()
    assert response.getheader("x-request-id") in said
    assert any(record.exc_info for record in caplog.records)


def test_an_answer_without_an_end_is_an_error_not_silence(live: Live) -> None:
    _script(live, TextDelta("a"))
    response, body = live.ask("POST", "/api/chat", CHAT | {"stream": False})
    assert response.status == 500
    assert "before it was complete" in json.loads(body)["error"]


def test_progress_is_reported_line_by_line(live: Live) -> None:
    live.operations.progress = [Progress("pulling ab", "sha256:ab", 10, 0), SUCCESS]
    _, body = live.ask("POST", "/api/pull", {"model": "x"})
    assert [json.loads(line) for line in body.splitlines()] == [
        {"status": "pulling ab", "digest": "sha256:ab", "total": 10},
        {"status": "success"},
    ]
    response, body = live.ask("POST", "/api/pull", {"model": "x", "stream": False})
    assert (response.getheader("content-type"), json.loads(body)) == ("application/json", {"status": "success"})


def test_a_body_that_is_too_long_is_refused_in_words(live: Live) -> None:
    announced = (
        f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {MAX_BODY_BYTES + 1}"
    )
    answer = live.raw(f"{announced}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"64 MiB" in answer


def test_a_long_chunked_body_is_refused_while_it_comes(live: Live) -> None:
    piece = b" " * 2**20
    sent = 0
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent <= MAX_BODY_BYTES:
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            sent += len(piece)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("depth", [500, 2_000, 100_000])
def test_deep_json_is_refused_not_crashed(live: Live, depth: int) -> None:
    tools = '{"model":"m","tools":[{"function":{"parameters":{"properties":' + '{"a":{"properties":' * depth
    for body in ("[" * depth, '{"a":' * depth, tools + "{}" + "}" * (2 * depth) + "}}}]}"):
        response, _ = live.ask("POST", "/api/chat", body)
        assert response.status == 400


def test_blobs_are_received_once(live: Live) -> None:
    digest = "sha256:" + "0" * 64
    assert live.ask("HEAD", f"/api/blobs/{digest}")[0].status == 404
    assert live.ask("POST", f"/api/blobs/{digest}", b"x" * 300_000)[0].status == 201
    assert live.ask("POST", f"/api/blobs/{digest}", b"y")[0].status == 200
    assert live.ask("HEAD", f"/api/blobs/{digest}")[0].status == 200
    assert len(live.operations.blobs[digest]) == 300_000
    response, _ = live.ask("POST", "/api/blobs/sha256:../../x", b"y")
    assert response.status == 307
    response, _ = live.ask("POST", "/api/blobs/sha256:..%2f..%2fetc", b"y")
    assert response.status in {307, 400, 404}


def _leave(port: int, *, stream: bool, after_bytes: int, stage: str) -> None:
    """Ask, then go away: before the body is whole, before an answer, or in the middle of one."""
    body = json.dumps(CHAT | {"stream": stream}).encode()
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head + (body[:-1] if stage == "body" else body))
        if stage == "answer" and stream:
            connection.recv(after_bytes)


def test_a_thousand_lost_clients_leave_nothing_behind() -> None:
    operations = FakeOperations([TextDelta("a"), anyio.sleep_forever], models=["m"])
    with live_server(operations) as live:
        for turn in range(1000):
            stage = ("body", "wait", "answer")[turn % 3]
            _leave(live.port, stream=turn % 2 == 0, after_bytes=turn % 200 + 1, stage=stage)
        deadline = time.monotonic() + 20
        while (operations.running or live.connections()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert operations.running == 0
        assert live.connections() == 0
        assert live.ask("GET", "/")[0].status == 200
    assert operations.requests


def test_a_client_lost_before_the_first_byte_stops_the_work() -> None:
    operations = FakeOperations([anyio.sleep_forever], models=["m"])
    with live_server(operations) as live:
        for stream in (True, False):
            with socket.create_connection(("127.0.0.1", live.port)) as connection:
                body = json.dumps(CHAT | {"stream": stream})
                head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall((head + body).encode())
                _wait_for(lambda: operations.running == 1)
            _wait_for(lambda: operations.running == 0)


def _wait_for(condition: object) -> None:
    deadline = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("begun", [True, False])
def test_a_stopping_server_tells_those_who_wait(*, begun: bool) -> None:
    operations = FakeOperations([*([TextDelta("a")] if begun else []), anyio.sleep_forever], models=["m"])
    with live_server(operations) as live, socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        body = json.dumps(CHAT)
        head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        _wait_for(lambda: operations.running == 1)
        live.stop()
        live.stop()
        received = b""
        while piece := connection.recv(1000):
            received += piece
    assert received.startswith(b"HTTP/1.1 200" if begun else b"HTTP/1.1 503")
    assert b'{"error":"the server is stopping; try again later"}' in received
    assert operations.running == 0


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_only_programs_of_this_machine_may_name_files(live: Live, header: str) -> None:
    path = f"/api/blobs/sha256:{'a' * 64}/adopt"
    response, body = live.ask("POST", path, {"path": "/x.gguf"})
    assert (response.status, json.loads(body.splitlines()[-1])) == (200, {"status": "success"})
    response, body = live.ask("POST", path, {"path": "/x.gguf"}, {header: "for=192.0.2.1"})
    assert response.status == 403
    assert "only a program on the server's own machine may name a file" in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("peer", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_who_is_here(peer: str | None, is_here: bool) -> None:
    scope = {"client": None if peer is None else (peer, 5), "headers": []}
    exchange = Exchange(None, scope, None, None, parameters={})  # type: ignore[arg-type]  # only the scope is looked at
    assert exchange.is_from_here is is_here


@pytest.mark.parametrize("stream", [True, False])
def test_who_comes_too_early_is_told_when_to_come_again(live: Live, *, stream: bool) -> None:
    _script(live, QueueFull())
    response, _ = live.ask("POST", "/api/chat", CHAT | {"stream": stream})
    assert int(response.getheader("retry-after") or 0) > 0
    _script(live, EngineCrashed("gone"))
    assert live.ask("POST", "/api/chat", CHAT | {"stream": stream})[0].getheader("retry-after") is None
