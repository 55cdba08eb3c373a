"""Claims about pulls: as fast as curl and sha256sum one after the other, and nobody else has to wait meanwhile."""

import hashlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measures import CONTEXT, PROMPT, Row, percentile
from benchmarks.programs import MODEL, free_port, post, tampu_server, watched_server, weights
from benchmarks.stream import Target, stream_all

SIZE = 250_000_000
ROUNDS = 5
_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: "{folder}"}}}}
http: {{addr: "{host}"}}
"""


@dataclass(frozen=True, slots=True)
class _Registry:
    """A plain Docker registry that holds one model of one large blob."""

    host: str
    digest: str

    @property
    def model(self) -> str:
        return f"{self.host}/me/large:v1"

    @property
    def blob_url(self) -> str:
        return f"http://{self.host}/v2/me/large/blobs/{self.digest}"


def pull_rows() -> Iterator[Row]:
    """Nothing where there is no `docker-registry`."""
    if shutil.which("docker-registry") is None or shutil.which("curl") is None:
        yield Row("pull of 250 MB", "", "", "needs docker-registry and curl")
        return
    with tempfile.TemporaryDirectory() as folder, _registry(Path(folder)) as registry:
        yield _speed_row(registry, Path(folder) / "fetched")
        yield _delay_row(registry, Path(folder) / "delays.json")


def _speed_row(registry: _Registry, fetched: Path) -> Row:
    """In turn, so that whatever else the machine does falls on both sides."""
    plain, ours = list[float](), list[float]()
    with tampu_server() as server:
        for turn in range(ROUNDS):
            sides = [(plain, partial(_curl_and_sum, registry, fetched)), (ours, partial(_pull, server.port, registry))]
            for times, work in sides if turn % 2 else reversed(sides):
                begin = time.perf_counter()
                work()
                times.append(time.perf_counter() - begin)
            post(server.port, "/api/delete", {"model": registry.model}, method="DELETE")
    ratio = statistics.median(a / b for a, b in zip(plain, ours, strict=True))
    a, b = (SIZE / 1e6 / statistics.median(times) for times in (plain, ours))
    return Row(
        "pull of 250 MB from a registry on this machine",
        f"curl, then sha256sum: {a:.0f} MB/s",
        f"{b:.0f} MB/s",
        f"{ratio:.2f}x",
        "at least 0.6",
        ratio >= 0.6,
    )


def _curl_and_sum(registry: _Registry, fetched: Path) -> None:
    subprocess.run(["curl", "--silent", "--fail", "--output", fetched, registry.blob_url], check=True)
    subprocess.run(["sha256sum", fetched], check=True, stdout=subprocess.DEVNULL)


def _pull(port: int, registry: _Registry) -> None:
    answer = post(port, "/api/pull", {"model": registry.model, "insecure": True, "stream": False})
    if answer.get("status") != "success":
        raise RuntimeError(str(answer))


def _delay_row(registry: _Registry, delays: Path) -> Row:
    """How late the event loop is while it pulls, hashes and streams chats to four clients."""
    with watched_server(delays, OLLAMA_NUM_PARALLEL="4", OLLAMA_CONTEXT_LENGTH=str(CONTEXT)) as server:
        weights(server.port)
        target = Target("tampu", server.port, "/api/generate", MODEL)
        stream_all(target, [PROMPT], 2)
        is_over = threading.Event()
        chatting = threading.Thread(target=_chat_until, args=(is_over, target))
        chatting.start()
        try:
            for _ in range(ROUNDS):
                _pull(server.port, registry)
                post(server.port, "/api/delete", {"model": registry.model}, method="DELETE")
        finally:
            is_over.set()
            chatting.join()
    late = percentile(json.loads(delays.read_text()), 0.99)
    return Row("event loop late while pulling and chatting, p99", "", f"{late:.1f} ms", "", "at most 20 ms", late <= 20)


def _chat_until(is_over: threading.Event, target: Target) -> None:
    while not is_over.is_set():
        stream_all(target, [f"{PROMPT} {client}" for client in range(4)], 32)


@contextmanager
def _registry(folder: Path) -> Iterator[_Registry]:
    host = f"127.0.0.1:{free_port()}"
    (folder / "registry.yml").write_text(_CONFIG.format(folder=folder / "registry", host=host))
    process = subprocess.Popen(
        ["docker-registry", "serve", folder / "registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(host):
            if process.poll() is not None:
                raise RuntimeError("docker-registry ended before it answered")
            time.sleep(0.05)
        yield _filled(host)
    finally:
        process.terminate()
        process.wait(30)


def _answers(host: str) -> bool:
    try:
        return _request(host, "GET", "/v2/")[0] == 200
    except OSError:
        return False


def _filled(host: str) -> _Registry:
    blob, config = os.urandom(SIZE), b"{}"
    digest = _put_blob(host, blob)
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": _put_blob(host, config),
            "size": len(config),
        },
        "layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": SIZE}],
    }
    kind = {"Content-Type": str(manifest["mediaType"])}
    _request(host, "PUT", "/v2/me/large/manifests/v1", json.dumps(manifest).encode(), kind)
    return _Registry(host, digest)


def _put_blob(host: str, content: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _, place = _request(host, "POST", "/v2/me/large/blobs/uploads/")
    path = place.removeprefix(f"http://{host}")
    _request(host, "PUT", f"{path}&digest={digest}", content, {"Content-Type": "application/octet-stream"})
    return digest


def _request(
    host: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and Location."""
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()
