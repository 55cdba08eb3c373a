"""A small HTTP server that gives scripted answers and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tampu.config import Address


@dataclass
class Answer:
    """One scripted answer. `lines`: NDJSON, each sent by itself. `cut`: the body is chunked and never ends.

    `hold`: an event to wait for after the last line, for as long as the client stays.
    """

    body: Any = None
    lines: list[Any] | None = None
    status: int = 200
    cut: bool = False
    hold: threading.Event | None = None


@dataclass
class StubServer:
    """Answers by (method, path); anything else is 404. `asked`: (method, path, body) of each request."""

    answers: dict[tuple[str, str], Answer]
    address: Address = field(default_factory=lambda: Address("http", "127.0.0.1", 0))
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a client hung up in the middle of an answer."""

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, body in self.asked if asked == path]


@contextmanager
def stub_server(answers: dict[tuple[str, str], Answer]) -> Iterator[StubServer]:
    stub = StubServer({("HEAD", "/"): Answer(""), **answers})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                body = raw
            stub.asked.append((self.command, self.path, body))
            missing = Answer({"error": f"no route {self.path}"}, status=404)
            _reply(self, stub, stub.answers.get((self.command, self.path), missing))

    for method in ("GET", "POST", "HEAD", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.address = Address("http", "127.0.0.1", server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _reply(handler: BaseHTTPRequestHandler, stub: StubServer, answer: Answer) -> None:
    handler.send_response(answer.status)
    handler.send_header("Connection", "close")
    if answer.cut:
        handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.close_connection = True
    if handler.command == "HEAD":
        return
    try:
        if answer.lines is None:
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            handler.wfile.write(text.encode())
            return
        for line in answer.lines:
            data = json.dumps(line).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if answer.cut else data)
            handler.wfile.flush()
        if answer.hold:
            handler.connection.settimeout(30)
            if not handler.connection.recv(1):
                stub.gone.set()
                answer.hold.set()
    except OSError:
        stub.gone.set()
