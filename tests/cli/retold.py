"""Stands between a command and our server and has its answers told in Ollama's terms, where we keep bytes of weights.

So the page that a command makes is compared to the letter with the one that Ollama makes of what it stores.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.journeys.rewritten import Terms

_PATIENCE_S = 60


@contextmanager
def retold(port: int, terms: Terms) -> Iterator[int]:
    """The port of a server that hands each request on to the one at `port`, whose answers `terms` tell again."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def _hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, kind, answer = _answer(f"http://127.0.0.1:{port}{self.path}", self.command, body)
            if kind.startswith("application/json"):
                answer = json.dumps(terms.tell({"body": json.loads(answer)})["body"]).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    for method in ("GET", "POST", "HEAD", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._hand_on)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(url: str, method: str, body: bytes) -> tuple[int, str, bytes]:
    """Status, type and body."""
    request = urllib.request.Request(
        url, method=method, data=body or None, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as got:
            return got.status, got.headers.get("Content-Type", ""), got.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Content-Type", ""), error.read()
