"""The programs under test, started and stopped: the bare engine and a Tampu server."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MODEL = "smollm2:135m"
STORE = Path(__file__).parents[1] / ".cache" / "benchmark-models"


@dataclass(frozen=True, slots=True)
class Running:
    """A started program and the seconds of the monotonic clock at which it was started."""

    process: psutil.Process
    port: int
    started: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def tampu_server(**variables: str) -> Iterator[Running]:
    """A server of ours on a free port, with the benchmark's own models folder."""
    with _server(["tampu", "serve"], variables) as running:
        yield running


@contextmanager
def watched_server(delays: Path, **variables: str) -> Iterator[Running]:
    """The same; when it has ended, `delays` has how late its event loop was."""
    with _server(["benchmarks.watched_server", str(delays)], variables) as running:
        yield running


@contextmanager
def noting_server(notes: Path, **variables: str) -> Iterator[Running]:
    """The same; when it has ended, `notes` has what it asked of its engines."""
    with _server(["benchmarks.noting_server", str(notes)], variables) as running:
        yield running


@contextmanager
def _server(module: list[str], variables: Mapping[str, str]) -> Iterator[Running]:
    port = free_port()
    environment = {"OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(STORE), **variables}
    with _program([sys.executable, "-m", *module], port, environment) as running:
        _wait_for(running)
        yield running


@contextmanager
def bare_engine(model: Path, *, slots: int, context: int) -> Iterator[Running]:
    """The engine alone, ready to answer."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_engine", str(model), str(port), str(slots), str(context)]
    with _program(command, port, {}) as running:
        _wait_for(running, "/health")
        yield running


@contextmanager
def byte_relay(engine: Running) -> Iterator[Running]:
    """A server before `engine` that does nothing but copy bytes."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.relay", str(port), str(engine.port)]
    with _program(command, port, {}) as running:
        _wait_for(running, "/health")
        yield running


@contextmanager
def _program(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[Running]:
    started = time.perf_counter()
    child = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield Running(psutil.Process(child.pid), port, started)
    finally:
        child.terminate()
        child.wait(30)


def _wait_for(running: Running, path: str = "/") -> None:
    """Until it answers; one that has ended, another being faster to its port, never will."""
    while not _answers(running.port, path):
        if running.process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"a program ended before it answered at port {running.port}")
        time.sleep(0.005)


def _answers(port: int, path: str = "/") -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def post(port: int, path: str, body: dict[str, object], *, method: str = "POST") -> dict[str, object]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), method=method)
    with urllib.request.urlopen(request, timeout=600) as answer:
        found: dict[str, object] = json.loads(answer.read() or b"{}")
        return found


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=600) as answer:
        content: bytes = answer.read()
        return content


def weights(port: int) -> Path:
    """Pull the benchmark's model if it is not stored yet; the path of its GGUF."""
    post(port, "/api/pull", {"model": MODEL, "stream": False})
    shown = str(post(port, "/api/show", {"model": MODEL})["modelfile"])
    line = next(line for line in shown.splitlines() if line.startswith("FROM "))
    return Path(line.removeprefix("FROM "))
