"""A real server with real engines for whole stories: `python -m tampu serve` in a home of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.recordings import recorded_bytes

MOST_STARTS = 3
"""Between finding a free port and listening there, another may take it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A running server: where it listens, its process, its home and what it wrote."""

    port: int
    process: subprocess.Popen[bytes]
    home: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def models(self) -> Path:
        return self.home / ".ollama" / "models"

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home), "OLLAMA_HOST": f"127.0.0.1:{self.port}", "NO_COLOR": "1"}

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """The JSON of an answer that must be a 200; a list of its lines where it is a stream."""
        status, raw = self.request(method, path, body)
        assert status == 200, raw.decode()
        lines = [json.loads(line) for line in raw.splitlines() if line.strip()]
        return lines if len(lines) > 1 or raw.endswith(b"\n") else (lines[0] if lines else None)

    def command(self, *words: str, stdin: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this server, on pipes."""
        return subprocess.run(
            [sys.executable, "-m", "tampu", *words], env={**self.environment, **variables}, input=stdin or "",
            text=True, capture_output=True, timeout=120,
        )  # fmt: skip

    def upload(self, name: str, model: str, **fields: Any) -> None:
        """Create `model` from a recorded GGUF, as clients do: its blob, then its name."""
        import hashlib

        data = recorded_bytes(f"models/{name}")
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert self.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
        self.ask("/api/create", {"model": model, "files": {name: digest}, "stream": False, **fields})


@contextmanager
def serving(home: Path, *, host: str = "127.0.0.1", **variables: str) -> Iterator[Served]:
    """A server of its own, stopped at the end."""
    home.mkdir(parents=True, exist_ok=True)
    served = next(filter(listens, (start(home, host, variables) for _ in range(MOST_STARTS))), None)
    assert served is not None, (home / "server.log").read_text()
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.send_signal(signal.SIGTERM)
        served.process.wait(60)


def start(home: Path, host: str, variables: Mapping[str, str]) -> Served:
    port = free_port()
    environment = {**os.environ, "HOME": str(home), "OLLAMA_HOST": f"{host}:{port}", **variables}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "tampu", "serve"], env=environment, stdout=log, stderr=log)
    return Served(port, process, home)


def listens(served: Served) -> bool:
    """Whether it comes to listen, and not another that was given the same free port a moment before."""
    wait_until(lambda: "Listening on " in served.log or served.process.poll() is not None)
    return served.process.poll() is None


def wait_until(condition: Any, *, limit_s: float = 60) -> None:
    """Poll for what only another process can bring about; the limit is a net, not a measure."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


CHATML = (
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n<|s%d|>"
)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all stories that do not end it, with scripted models: `fine`, `greek`, `vectors`, `jinja`."""
    with serving(tmp_path_factory.mktemp("home")) as server:
        server.upload("http.gguf", "fine", template=CHATML % 0)
        server.upload("http.gguf", "greek", template=CHATML % 19)
        server.upload("http-jinja.gguf", "jinja")
        server.upload("tiny-bert.gguf", "vectors")
        yield server
