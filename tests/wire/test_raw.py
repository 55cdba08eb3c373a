"""The recordings of raw bytes: what is on the wire below JSON, with the same request sent."""

import re

import pytest

from tampu.generation import Finished, FinishReason, TextDelta
from tests.fakes.operations import FakeOperations
from tests.recordings import recorded_bytes
from tests.server.live import live_server

_SCRIPT = [TextDelta("Fine"), TextDelta(", thank you."), Finished(reason=FinishReason.STOP)]
_OURS = {"x-request-id", "tampu-version"}


def _recorded(name: str) -> tuple[bytes, bytes]:
    """The request that was sent and the answer as it came."""
    lines = recorded_bytes(f"http/raw/{name}.txt").decode().split("\n")
    sent = [line[2:].rstrip("\r") for line in lines if line.startswith("> ")]
    answer = [line.rstrip("\r") for line in lines[len(sent) + 1 :]]
    return "\r\n".join(sent).encode(), "\r\n".join(answer).encode()


def _head(raw: bytes) -> tuple[int, dict[str, str]]:
    lines = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode().split("\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        headers[name.lower()] = headers[name.lower()] + " | " + value if name.lower() in headers else value
    return int(lines[0].split()[1]), {name: value for name, value in headers.items() if name not in {"date", *_OURS}}


@pytest.mark.parametrize(
    "name",
    [
        "15-unknown-model",
        "18-preflight",
        "20-origin-refused",
        "21-wrong-method",
        "22-unknown-path",
        "23-trailing-slash",
        "24-head",
        "28-no-host",
        "29-not-http",
    ],
)
def test_head_and_body_are_as_recorded(name: str) -> None:
    request, wanted = _recorded(name)
    with live_server() as live:
        got = live.raw(request)
    wanted_status, wanted_headers = _head(wanted)
    status, headers = _head(got)
    if "content-length" not in wanted_headers:
        headers.pop("content-length", None)
    assert (status, headers) == (wanted_status, wanted_headers)
    assert got.partition(b"\r\n\r\n")[2].strip() == wanted.partition(b"\r\n\r\n")[2].strip()


@pytest.mark.parametrize("name", ["01-generate-stream", "03-chat-stream", "19-origin-allowed"])
def test_stream_is_chunked_line_by_line(name: str) -> None:
    request, wanted = _recorded(name)
    with live_server(FakeOperations(_SCRIPT, models=["fine", "talk"])) as live:
        got = live.raw(request)
    assert _head(got) == _head(wanted)
    chunks = re.findall(rb"\r\n([0-9a-f]+)\r\n(\{.*?\}\n)(?=\r\n)", got)
    assert len(chunks) == len(_SCRIPT)
    assert all(int(size, 16) == len(line) for size, line in chunks)


def test_old_http_is_answered_without_chunks() -> None:
    request, _ = _recorded("27-http-1.0")
    with live_server(FakeOperations(_SCRIPT, models=["talk"])) as live:
        head, _, body = live.raw(request).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert [line[:1] + line[-1:] for line in body.splitlines()] == [b"{}"] * len(_SCRIPT)


@pytest.mark.parametrize("name", ["30-chunked-request", "31-expect-continue"])
def test_bodies_come_in_any_way(name: str) -> None:
    request, _ = _recorded(name)
    with live_server(FakeOperations(_SCRIPT, models=["talk"])) as live:
        got = live.raw(request + b"\r\n\r\n" if name.startswith("30") else request)
    assert b'"content":"Fine, thank you."' in got
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") is name.startswith("31")


def test_nothing_is_compressed() -> None:
    request, _ = _recorded("32-gzip-is-not-offered")
    with live_server() as live:
        assert b"content-encoding" not in live.raw(request).lower()


@pytest.mark.parametrize("hosts", ["Host: a\r\nHost: b", "Host: a b", "Host: a/b"])
def test_an_ambiguous_host_is_refused(hosts: str) -> None:
    with live_server() as live:
        assert live.raw(f"GET /api/version HTTP/1.1\r\n{hosts}\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("word", ["BREW", "get", "p.X!"])
def test_any_word_is_a_method(word: str) -> None:
    one = b"%s /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n" % word.encode()
    with live_server() as live:
        got = live.raw(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200")
        assert b"405" in live.raw(one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).split(b"\r\n")[0]
