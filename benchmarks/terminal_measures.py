"""What a person at a terminal waits for: the menu of plain `tampu`, and the first token once it has arrived."""

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pexpect

from benchmarks.measures import Row

ROUNDS = 9
MARK = "first-token-of-all"


def terminal_rows() -> Iterator[Row]:
    """Both, beside a Python that does nothing but print."""
    with _scripted_server() as server, tempfile.TemporaryDirectory() as home:
        variables = {**os.environ, "HOME": home, "OLLAMA_HOST": f"127.0.0.1:{server.server_port}", "TERM": "xterm"}
        nothing = _median(variables, ["-c", f"print('{MARK}')"], MARK)
        menu = _median(variables, ["-m", "tampu"], "Chat with a model")
        late = statistics.median(_delay(server, variables) for _ in range(ROUNDS))
    yield Row(
        "menu of `tampu`, first paint",
        f"python -c print: {nothing:.3f} s",
        f"{menu:.3f} s",
        f"+{menu - nothing:.3f} s",
        "at most +0.25 s",
        menu - nothing <= 0.25,
    )
    yield Row("first token on the screen", "", f"{late * 1000:.1f} ms after it came", "", "at most 50 ms", late <= 0.05)


def _median(variables: dict[str, str], arguments: list[str], shown: str) -> float:
    """Seconds from the start of Python with `arguments` until a terminal shows that text."""
    return statistics.median(_seconds_until(variables, arguments, shown) for _ in range(ROUNDS))


def _seconds_until(variables: dict[str, str], arguments: list[str], shown: str) -> float:
    begin = time.perf_counter()
    child = pexpect.spawn(sys.executable, arguments, env=variables, dimensions=(24, 80))
    try:
        child.expect_exact(shown, timeout=30)
        return time.perf_counter() - begin
    finally:
        child.close(force=True)


def _delay(server: "_Scripted", variables: dict[str, str]) -> float:
    child = pexpect.spawn(sys.executable, ["-m", "tampu", "run", "m", "hi"], env=variables, dimensions=(24, 80))
    try:
        child.expect_exact(MARK, timeout=30)
        return time.perf_counter() - server.sent
    finally:
        child.close(force=True)


class _Scripted(ThreadingHTTPServer):
    """Answers as a server with one model; `sent`: when the first token of the last answer went out."""

    daemon_threads = True
    sent = 0.0


class _Handler(BaseHTTPRequestHandler):
    server: _Scripted

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.end_headers()
        if self.path == "/api/show":
            self.wfile.write(json.dumps({"capabilities": ["completion"]}).encode())
            return
        # The spinner turns, as it does while a model thinks.
        time.sleep(0.3)
        self.server.sent = time.perf_counter()
        self.wfile.write(json.dumps({"response": MARK}).encode() + b"\n")
        self.wfile.flush()
        time.sleep(0.3)
        self.wfile.write(json.dumps({"response": "", "done": True}).encode() + b"\n")


@contextmanager
def _scripted_server() -> Iterator[_Scripted]:
    server = _Scripted(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
