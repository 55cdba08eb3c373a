"""Debian's `docker-registry`, started on loopback: the real other side of pulls and pushes."""

import http.client
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.conftest import free_port, wait_until

HOW_TO_GET_IT = (
    "there is no docker-registry here: Debian and Ubuntu have it (`apt install docker-registry`), elsewhere the "
    "program `registry` of the distribution project will do"
)
USER, PASSWORD = "ann", "open sesame"
_HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n"
_CONFIG = """
version: 0.1
log: {{level: info, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_AUTH = 'auth: {{htpasswd: {{realm: test, path: "{folder}/htpasswd"}}}}\n'
_ASKED = re.compile(r'"(GET|HEAD|POST|PATCH|PUT|DELETE) (\S+) HTTP/1\.1" (\d+)')


@dataclass
class DockerRegistry:
    """A running registry."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[tuple[str, str, int]]:
        """Method, path and status of every request so far, in order."""
        log = (self.folder / "log").read_text(errors="replace")
        return [(method, path.partition("?")[0], int(status)) for method, path, status in _ASKED.findall(log)]

    def sizes(self) -> dict[str, int]:
        """Bytes by digest of all blobs that it has."""
        blobs = (self.folder / "data" / "docker" / "registry" / "v2" / "blobs").glob("sha256/*/*/data")
        return {f"sha256:{path.parent.name}": path.stat().st_size for path in blobs}


@contextmanager
def docker_registry(folder: Path, *, with_password: bool = False) -> Iterator[DockerRegistry]:
    """A registry with its data below `folder`; skips the test, saying how to get one, where there is none."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        pytest.skip(HOW_TO_GET_IT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htpasswd").write_text(_HTPASSWD)
    port = free_port()
    auth = _AUTH if with_password else ""
    (folder / "config.yml").write_text((_CONFIG + auth).format(folder=folder, port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield DockerRegistry(port, folder, process)
    finally:
        process.kill()
        process.wait(20)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in {200, 401}
    except OSError:
        return False
    finally:
        connection.close()
