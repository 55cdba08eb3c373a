"""One server as the registry of others: two real servers, a plain client of Docker's protocol, a client that leaves."""

import base64
import hashlib
import http.client
import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.certificates import make_certificates, server_context
from tests.journeys.conftest import CHATML, Served, serving, wait_until
from tests.recordings import recorded_bytes

KEY = "open sesame"


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that shares `fine`, under three names."""
    with serving(tmp_path_factory.mktemp("lender"), TAMPU_REGISTRY="1") as server:
        server.upload("http.gguf", "fine", template=CHATML % 0)
        server.ask("/api/copy", {"source": "fine", "destination": "me/Other:v1"})
        server.ask("/api/copy", {"source": "fine", "destination": "hf.co/you/there:q4"})
        yield server


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that shares `fine` with those who have the key."""
    with serving(tmp_path_factory.mktemp("locked"), TAMPU_REGISTRY="1", TAMPU_REGISTRY_KEY=KEY) as server:
        server.upload("http.gguf", "fine", template=CHATML % 0)
        yield server


@pytest.fixture(scope="module")
def borrower(tmp_path_factory: pytest.TempPathFactory, lender: Served) -> Iterator[Served]:
    """A server that pulls, with `lender` as a mirror of two registries."""
    mirrors = f"registry.ollama.ai={lender.url}; hf.co={lender.url}/hf.co"
    with serving(tmp_path_factory.mktemp("borrower"), TAMPU_MIRRORS=mirrors, DOCKER_CONFIG="") as server:
        yield server


def stored(server: Served, place: str) -> bytes:
    return (server.models / "manifests" / place).read_bytes()


def says(server: Served, model: str) -> str:
    answer = server.ask(
        "/api/generate", {"model": model, "prompt": "x", "stream": False, "options": {"num_predict": 5}}
    )
    return str(answer["response"])


def head_of(server: Served, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_pulled_by_host_and_port(lender: Served, borrower: Served) -> None:
    done = borrower.command("pull", "--insecure", f"http://127.0.0.1:{lender.port}/library/fine")
    assert done.returncode == 0, done.stderr
    name = f"127.0.0.1:{lender.port}/library/fine"
    assert stored(borrower, f"{name}/latest") == stored(lender, "registry.ollama.ai/library/fine/latest")
    assert says(borrower, name) == says(lender, "fine") != ""
    again = borrower.command("pull", "--insecure", f"{name}:latest")
    assert again.returncode == 0


def test_pulled_through_mirrors(lender: Served, borrower: Served) -> None:
    for name, place in (
        ("me/other:v1", "registry.ollama.ai/me/other/v1"),
        ("hf.co/you/there:q4", "hf.co/you/there/q4"),
    ):
        done = borrower.command("pull", name)
        assert done.returncode == 0, done.stderr
        assert stored(borrower, place) == stored(lender, "registry.ollama.ai/me/Other/v1")


def test_the_key_of_a_login_opens(locked: Served, borrower: Served, tmp_path: Path) -> None:
    name = f"127.0.0.1:{locked.port}/library/fine"
    refused = borrower.command("pull", "--insecure", name)
    assert refused.returncode == 1
    assert f"docker login 127.0.0.1:{locked.port}" in refused.stderr
    login = base64.b64encode(f"any:{KEY}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {f"127.0.0.1:{locked.port}": {"auth": login}}}))
    with serving(tmp_path / "home", DOCKER_CONFIG=str(tmp_path)) as friend:
        done = friend.command("pull", "--insecure", name)
        assert done.returncode == 0, done.stderr
        assert stored(friend, f"{name}/latest") == stored(locked, "registry.ollama.ai/library/fine/latest")
    assert KEY not in locked.log


def test_show_says_where_it_came_from(lender: Served, borrower: Served, tmp_path: Path) -> None:
    name = f"127.0.0.1:{lender.port}/library/fine"
    assert borrower.command("pull", "--insecure", name).returncode == 0
    assert borrower.command("pull", "hf.co/you/there:q4").returncode == 0
    place = f"127.0.0.1:{lender.port}"
    assert borrower.ask("/api/show", {"model": name})["origin"] == {"kind": "registry", "place": place}
    assert borrower.ask("/api/show", {"model": "hf.co/you/there:q4"})["origin"] == {"kind": "mirror", "place": place}
    borrower.ask("/api/copy", {"source": name, "destination": "mine"})
    page = borrower.command("show", "mine").stdout
    assert f"  Origin\n    registry    {place}    \n\n" in page
    borrower.ask("/api/create", {"model": "mine", "from": "mine", "system": "Be brief.", "stream": False})
    assert "origin" not in borrower.ask("/api/show", {"model": "mine"})
    (tmp_path / "treasure").mkdir()
    (tmp_path / "treasure" / "chest.gguf").write_bytes(recorded_bytes("models/scripted.gguf"))
    assert borrower.command("import", str(tmp_path / "treasure")).returncode == 0
    made = next(
        model["name"] for model in borrower.ask("/api/tags", method="GET")["models"] if "chest" in model["name"]
    )
    assert borrower.ask("/api/show", {"model": made})["origin"] == {"kind": "folder", "place": "treasure"}


def test_behind_a_certificate_of_an_own_authority(lender: Served, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    with tls_front(lender, certificates) as port:
        name = f"localhost:{port}/library/fine"
        with serving(tmp_path / "stranger") as stranger:
            refused = stranger.command("pull", name)
        assert "failed to verify certificate" in refused.stderr
        with serving(tmp_path / "friend", TAMPU_CA_FILE=str(certificates / "ca.pem")) as friend:
            done = friend.command("pull", name)
            assert done.returncode == 0, done.stderr
            assert stored(friend, f"{name}/latest") == stored(lender, "registry.ollama.ai/library/fine/latest")


@contextmanager
def tls_front(server: Served, certificates: Path) -> Iterator[int]:
    """A proxy with a certificate before a server; its port."""

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            inner = socket.create_connection(("127.0.0.1", server.port))
            with suppress(OSError), inner, context.wrap_socket(self.request, server_side=True) as outer:
                back = threading.Thread(target=_copy, args=(inner, outer))
                back.start()
                _copy(outer, inner)
                back.join()

    context = server_context(certificates)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward) as front:
        running = threading.Thread(target=front.serve_forever)
        running.start()
        try:
            yield front.server_address[1]
        finally:
            front.shutdown()
            running.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "path",
    ["/v2/", "/v2/_catalog", "/v2/library/fine/tags/list", "/v2/library/fine/manifests/latest", "/v2/no/manifests/x"],
)
def test_without_the_key_nothing_is_told(locked: Served, path: str) -> None:
    for given in ({}, {"Authorization": "Bearer wrong"}):
        status, headers, body = head_of(locked, path, **given)
        assert status == 401
        assert headers["www-authenticate"] == 'Basic realm="Tampu", charset="UTF-8"'
        assert [error["code"] for error in json.loads(body)["errors"]] == ["UNAUTHORIZED"]
    assert head_of(locked, "/v2/", Authorization=f"Bearer {KEY}")[0] == 200


def test_it_is_off_by_default(borrower: Served) -> None:
    assert borrower.request("GET", "/v2/") == (404, b"404 page not found")
    assert borrower.request("POST", "/v2/fine/blobs/uploads/")[0] == 404


def test_what_a_plain_client_sees(lender: Served) -> None:
    status, headers, body = head_of(lender, "/v2/library/fine/manifests/latest")
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert (status, headers["docker-content-digest"], headers["etag"]) == (200, digest, f'"{digest}"')
    assert headers["content-type"] == json.loads(body)["mediaType"]
    assert head_of(lender, f"/v2/fine/manifests/{digest}")[2] == body
    assert head_of(lender, "/v2/library/fine/manifests/latest", **{"If-None-Match": f'"{digest}"'})[0] == 304
    for layer in (*json.loads(body)["layers"], json.loads(body)["config"]):
        path = f"/v2/library/fine/blobs/{layer['digest']}"
        status, headers, content = head_of(lender, path)
        assert (status, int(headers["content-length"]), headers["accept-ranges"]) == (200, layer["size"], "bytes")
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == layer["digest"] == headers["docker-content-digest"]
        assert head_of(lender, path, "HEAD")[1]["content-length"] == str(layer["size"])
        status, headers, part = head_of(lender, path, Range="bytes=3-9", **{"If-Range": headers["etag"]})
        assert (status, part, headers["content-range"]) == (206, content[3:10], f"bytes 3-9/{layer['size']}")
        status, headers, _ = head_of(lender, path, Range=f"bytes={layer['size']}-")
        assert (status, headers["content-range"]) == (416, f"bytes */{layer['size']}")


def test_names_and_what_is_not_there(lender: Served) -> None:
    catalog = json.loads(head_of(lender, "/v2/_catalog")[2])
    assert catalog == {"repositories": ["hf.co/you/there", "library/fine", "me/Other"]}
    assert json.loads(head_of(lender, "/v2/me/other/tags/list")[2])["tags"] == ["v1"]
    assert head_of(lender, "/v2/you/there/manifests/q4")[0] == 200
    other = f"sha256:{'a' * 64}"
    for path, code in (
        ("/v2/library/none/manifests/latest", "NAME_UNKNOWN"),
        ("/v2/library/fine/manifests/none", "MANIFEST_UNKNOWN"),
        (f"/v2/library/fine/manifests/{other}", "MANIFEST_UNKNOWN"),
        (f"/v2/library/fine/blobs/{other}", "BLOB_UNKNOWN"),
        ("/v2/library/fine/blobs/..%2Fx", ""),
        ("/v2/library/fine/blobs/sha256:x", "BLOB_UNKNOWN"),
        ("/v2/-/manifests/latest", "NAME_INVALID"),
        ("/v2/a/b/c/d/manifests/latest", "NAME_INVALID"),
    ):
        status, _, body = head_of(lender, path)
        assert status in {307, 400, 404}, path
        assert not code or json.loads(body)["errors"][0]["code"] == code, path
    for method, path in (("POST", "/v2/x/blobs/uploads/"), ("PUT", "/v2/x/manifests/y"), ("DELETE", "/v2/x/blobs/y")):
        assert (head_of(lender, path, method)[0]) == 405


def test_only_blobs_of_the_repository(lender: Served) -> None:
    lender.upload("tiny-bert.gguf", "secret")
    manifest = json.loads(stored(lender, "registry.ollama.ai/library/secret/latest"))
    digest = manifest["layers"][0]["digest"]
    assert head_of(lender, f"/v2/library/secret/blobs/{digest}", "HEAD")[0] == 200
    assert head_of(lender, f"/v2/library/fine/blobs/{digest}", "HEAD")[0] == 404
    lender.ask("/api/delete", {"model": "secret"}, method="DELETE")
    assert head_of(lender, f"/v2/library/secret/blobs/{digest}", "HEAD")[0] == 404


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo, Debian's package, is not installed")
def test_skopeo_reads_a_model(lender: Served, locked: Served) -> None:
    """It copies none, wherever it lies: it takes no layers of types that it does not know."""
    place = f"docker://127.0.0.1:{lender.port}/library/fine"
    assert json.loads(_skopeo("list-tags", "--tls-verify=false", place))["Tags"] == ["latest"]
    raw = _skopeo("inspect", "--raw", "--tls-verify=false", f"{place}:latest")
    assert raw.encode() == stored(lender, "registry.ollama.ai/library/fine/latest")
    place = f"docker://127.0.0.1:{locked.port}/library/fine"
    assert json.loads(_skopeo("list-tags", "--tls-verify=false", "--creds", f"any:{KEY}", place))["Tags"] == ["latest"]


def _skopeo(*words: str) -> str:
    done: Any = subprocess.run(["skopeo", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


LONG = b"Be it known. " * (2 << 20)


def long_blob(server: Served, model: str) -> str:
    """Make a model with a licence that no buffer on the way holds; its digest."""
    server.ask("/api/create", {"model": model, "from": "fine", "license": LONG.decode(), "stream": False})
    manifest = json.loads(stored(server, f"registry.ollama.ai/library/{model}/latest"))
    return next(str(layer["digest"]) for layer in manifest["layers"] if layer["mediaType"].endswith("license"))


def test_a_blob_is_whole_though_its_model_is_removed_meanwhile(lender: Served) -> None:
    digest = long_blob(lender, "long")
    connection = http.client.HTTPConnection("127.0.0.1", lender.port, timeout=20)
    connection.request("GET", f"/v2/library/long/blobs/{digest}")
    answer = connection.getresponse()
    begun = answer.read(1000)
    lender.ask("/api/delete", {"model": "long"}, method="DELETE")
    assert not (lender.models / "blobs" / digest.replace(":", "-")).exists()
    assert begun + answer.read() == LONG
    connection.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell which files are open")
def test_clients_that_leave_give_everything_back(lender: Served) -> None:
    digest = long_blob(lender, "left")
    request = f"GET /v2/library/left/blobs/{digest} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def open_blobs() -> int:
        return sum(target.endswith(digest[7:]) for target in _open_files(lender))

    clients = [socket.create_connection(("127.0.0.1", lender.port), timeout=10) for _ in range(20)]
    for client in clients:
        client.sendall(request)
    wait_until(lambda: open_blobs() == len(clients))
    for client in clients:
        client.close()
    wait_until(lambda: open_blobs() == 0)


def _open_files(server: Served) -> Iterator[str]:
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in between
            yield str(link.readlink())
