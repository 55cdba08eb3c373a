"""Models go to a real registry and come back: pushed, removed, pulled; nothing is sent twice; with a password."""

import base64
import hashlib
import http.client
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from tests.fakes import upload_registry
from tests.fakes.docker_registry import PASSWORD, USER, DockerRegistry, docker_registry
from tests.fakes.upload_registry import UploadRegistry
from tests.journeys.conftest import CHATML, Served, serving, wait_until
from tests.recordings import recording


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with `fine`, and a second model that shares all but its system text."""
    with serving(tmp_path_factory.mktemp("home"), DOCKER_CONFIG="") as server:
        server.upload("http.gguf", "fine", template=CHATML % 0)
        yield server


def manifest_path(server: Served, model: str) -> Path:
    host, namespace, rest = model.split("/")
    return server.models / "manifests" / host / namespace / Path(*rest.split(":"))


def digests(server: Served, model: str) -> tuple[str, list[str]]:
    """A model's ID and what it is made of."""
    ids = {each["name"]: each["digest"] for each in server.ask("/api/tags", method="GET")["models"]}
    manifest = json.loads(manifest_path(server, model).read_text())
    return ids[model], [layer["digest"] for layer in (*manifest["layers"], manifest["config"])]


def transfer(server: Served, how: str, model: str) -> list[dict[str, Any]]:
    events = server.ask(f"/api/{how}", {"model": model, "insecure": True})
    assert events[-1] == {"status": "success"}, events[-1]
    return list(events)


def test_push_remove_pull(server: Served, registry: DockerRegistry) -> None:
    name = f"{registry.host}/me/fine:v1"
    server.ask("/api/copy", {"source": "fine", "destination": name})
    before = digests(server, name)
    events = transfer(server, "push", name)
    assert [each["status"] for each in events if "digest" not in each] == [
        "retrieving manifest", "pushing manifest", "success"
    ]  # fmt: skip
    assert {each["digest"] for each in events if each.get("completed") == each.get("total", -1)} == set(before[1])
    assert set(before[1]) <= set(registry.sizes())
    server.ask("/api/delete", {"model": name}, method="DELETE")
    server.ask("/api/delete", {"model": "fine"}, method="DELETE")
    assert not [path for path in (server.models / "blobs").iterdir() if path.name.startswith("sha256-")]
    transfer(server, "pull", name)
    assert digests(server, name) == before
    server.ask("/api/copy", {"source": name, "destination": "fine"})
    answer = server.ask("/api/generate", {"model": name, "prompt": "Hi", "stream": False})
    assert answer["response"] == "Fine, thank you."


def test_a_second_model_sends_only_what_is_new(server: Served, registry: DockerRegistry) -> None:
    first, second = f"{registry.host}/me/first:v1", f"{registry.host}/me/second:v1"
    server.ask("/api/copy", {"source": "fine", "destination": first})
    transfer(server, "push", first)
    server.ask("/api/create", {"model": second, "from": first, "system": "Be brief.", "stream": False})
    had, asked = set(registry.sizes()), len(registry.asked)
    transfer(server, "push", second)
    new = set(registry.sizes()) - had
    requests = [each for each in registry.asked[asked:] if each[0] in {"PATCH", "POST"}]
    (_, manifest_layers) = digests(server, second)
    sent = [each for each in requests if each[0] == "PATCH"]
    mounted = [each for each in requests if each[0] == "POST" and each[2] == 201]
    # What does not come from another model: the text and the config. The registry counts the manifest as a blob, too.
    assert (len(sent), len(new)) == (2, 2)
    assert len(mounted) == len(manifest_layers) - len(sent)
    asked = len(registry.asked)
    transfer(server, "push", second)
    assert {each[0] for each in registry.asked[asked:]} == {"HEAD", "PUT"}


def test_the_command(server: Served, registry: DockerRegistry) -> None:
    name = f"{registry.host}/me/cli:v1"
    assert server.command("cp", "fine", name).returncode == 0
    pushed = server.command("push", "--insecure", name)
    assert (pushed.returncode, pushed.stdout) == (0, f"\nYou can find your model at:\n\n\t{name}\n"), pushed.stderr
    assert "success" in pushed.stderr
    plain = server.command("push", name)
    assert plain.returncode == 1
    assert "tls: first record does not look like a TLS handshake" in plain.stderr
    unknown = server.command("push", "--insecure", f"{registry.host}/me/nothing:v1")
    assert unknown.returncode == 1
    assert f"model '{registry.host}/me/nothing:v1' not found" in unknown.stderr


def refused(registry: UploadRegistry) -> None:
    registry.script("manifest", upload_registry.status(403, "denied"))


def unknown_key(registry: UploadRegistry) -> None:
    challenge = f'Bearer realm="http://{registry.host}/token",service="s",scope="x"'
    registry.script("head", upload_registry.status(401, WWW_Authenticate=challenge))
    registry.script("status", upload_registry.status(401, "{}"))


def nothing(_: UploadRegistry) -> None:
    """The registry behaves."""


@pytest.mark.parametrize(
    ("case", "prepare"),
    [("push", nothing), ("push without --insecure", nothing), ("push refused", refused), ("push 401", unknown_key)],
)
def test_the_command_ends_as_recorded(server: Served, case: str, prepare: Callable[[UploadRegistry], None]) -> None:
    (recorded,) = [each for each in recording("registry/cli.json")["cases"] if each["name"] == case]
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(UploadRegistry()) as registry,
    ):
        prepare(registry)
        name = f"{registry.host}/me/cli:v1"
        server.ask("/api/copy", {"source": "fine", "destination": name})
        words = [word.replace("{REGISTRY}", registry.host) for word in recorded["args"]]
        done = server.command(*words)
        assert done.returncode == recorded["exit"]
        assert done.stdout == recorded["stdout"].replace("{REGISTRY}", registry.host)
        assert errors(done.stderr) == errors(recorded["stderr"].replace("{REGISTRY}", registry.host))


def errors(text: str) -> list[str]:
    """The lines that tell an error, but for digests: the recorded model has other weights."""
    return [re.sub("sha256:[0-9a-f]{64}", "", line) for line in text.splitlines() if line.startswith("Error: ")]


def test_a_client_that_leaves_stops_the_push(server: Served) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(UploadRegistry()) as registry,
    ):
        registry.script("part", upload_registry.stall(1))
        name = f"{registry.host}/me/left:v1"
        server.ask("/api/copy", {"source": "fine", "destination": name})
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/api/push", json.dumps({"model": name, "insecure": True}))
        wait_until(lambda: registry.bytes_received > 0)
        connection.close()
        wait_until(lambda: registry.lost)
        transfer(server, "push", name)


def test_what_is_no_name_nor_a_model(server: Served) -> None:
    assert server.request("POST", "/api/push", {"insecure": True})[0] == 400
    events = server.ask("/api/push", {"model": "a b"})
    assert [*events] == [
        {"status": "retrieving manifest"},
        {"status": "couldn't retrieve manifest"},
        {"error": "unqualified name: registry.ollama.ai/library/a b:latest"},
    ]
    status, raw = server.request("POST", "/api/push", {"model": "nothing", "stream": False})
    assert (status, json.loads(raw)) == (404, {"error": "model 'nothing' not found"})


def write_login(home: Path, registry: DockerRegistry, password: str) -> None:
    folder = home / ".docker"
    folder.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))


def test_a_registry_with_a_password(tmp_path: Path) -> None:
    with (
        docker_registry(tmp_path / "registry", with_password=True) as registry,
        serving(tmp_path / "home", DOCKER_CONFIG="") as server,
    ):
        name = f"{registry.host}/me/fine:v1"
        server.upload("http.gguf", name, template=CHATML % 0)
        request = {"model": name, "insecure": True}
        assert "wants a user name and a password" in server.ask("/api/push", request)[-1]["error"]
        write_login(server.home, registry, "wrong")
        refused = server.ask("/api/push", request)[-1]["error"]
        assert f"does not accept the password of user '{USER}'" in refused
        write_login(server.home, registry, PASSWORD)
        transfer(server, "push", name)
        before = digests(server, name)
        server.ask("/api/delete", {"model": name}, method="DELETE")
        transfer(server, "pull", name)
        assert digests(server, name) == before
        assert PASSWORD not in server.log
        assert "wrong" not in refused


def add_large_layer(server: Served, model: str, size: int) -> None:
    """One more layer, the last but the config."""
    content = random.Random(3).randbytes(size)  # noqa: S311  # bytes that do not compress
    digest = hashlib.sha256(content).hexdigest()
    (server.models / "blobs" / f"sha256-{digest}").write_bytes(content)
    path = manifest_path(server, model)
    manifest = json.loads(path.read_text())
    layer = {"mediaType": "application/vnd.ollama.image.license", "digest": f"sha256:{digest}", "size": size}
    manifest["layers"].append(layer)
    path.write_text(json.dumps(manifest))


def push_until_killed(server: Served, model: str) -> None:
    with suppress(OSError, http.client.HTTPException):
        server.request("POST", "/api/push", {"model": model, "insecure": True})


def under_way(server: Served) -> list[int]:
    """Bytes that registries have of each upload that has not ended."""
    sent = []
    written = (server.home / ".ollama" / "uploads").glob("*")
    for path in (each for each in written if "-" not in each.name):
        with suppress(FileNotFoundError):  # one that ends just now
            sent.append(json.loads(path.read_text())["sent"])
    return sent


@pytest.mark.slow
def test_a_push_after_a_kill_sends_no_layer_twice(tmp_path: Path) -> None:
    """Of the layer that was cut this registry keeps nothing; one that does is in tests/registry/test_upload.py."""
    with docker_registry(tmp_path / "registry") as registry:
        name = f"{registry.host}/me/large:v1"
        with serving(tmp_path / "home", DOCKER_CONFIG="") as server:
            server.upload("http.gguf", name, template=CHATML % 0)
            add_large_layer(server, name, 210_000_000)
            pushing = threading.Thread(target=push_until_killed, args=(server, name))
            pushing.start()
            wait_until(lambda: any(sent >= 100_000_000 for sent in under_way(server)))
            server.process.kill()
            pushing.join(20)
        kept, asked = set(registry.sizes()), len(registry.asked)
        with serving(tmp_path / "home", DOCKER_CONFIG="") as server:
            assert len(under_way(server)) == 1
            transfer(server, "push", name)
            _, layers = digests(server, name)
            assert not under_way(server)
        assert len(kept) == len(layers) - 2  # not the large one, nor the config behind it
        assert set(layers) <= set(registry.sizes())
        there = {
            path.rpartition("/")[2]
            for method, path, status in registry.asked[asked:]
            if (method, status) == ("HEAD", 200)
        }
        assert there == kept
