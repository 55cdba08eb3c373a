"""Stores that were damaged behind a server's back, as recorded: what every route says, and what is left on the disk."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tampu.config import Settings
from tampu.gguf.header import ArraySummary
from tampu.gguf.reader import read_header
from tampu.gguf.vocabulary import texts_in
from tampu.operations.services import open_services
from tampu.server.app import build_app
from tampu.server.bindings import bind_operations
from tampu.store.library import Library
from tests.differences import lines
from tests.operations.store_steps import digest_of, model_file
from tests.recordings import recording

pytestmark = pytest.mark.anyio

FILE = "a-f16.gguf"
CASES = {case["name"]: case for case in recording("store/disk.json")["cases"] if case["name"].startswith("damaged:")}


@dataclass(frozen=True)
class Store:
    """The models folder of a story: the place of `keep`, which is damaged, and of its layers."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifests/registry.ollama.ai/library/keep/latest"

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.replace(":", "-")

    @property
    def weights(self) -> Path:
        return self.blob(digest_of(FILE))

    @property
    def config(self) -> Path:
        return self.blob(json.loads(self.manifest.read_bytes())["config"]["digest"])

    @property
    def system(self) -> Path:
        return self.blob(f"sha256:{hashlib.sha256(b'kept a').hexdigest()}")

    def add_layer(self, kind: str, digest: str) -> None:
        manifest = json.loads(self.manifest.read_bytes())
        manifest["layers"].append({"mediaType": f"application/vnd.{kind}", "digest": digest, "size": 3})
        self.manifest.write_text(json.dumps(manifest))

    def write_in_capitals(self) -> None:
        digest = digest_of(FILE)[len("sha256:") :]
        self.manifest.write_text(self.manifest.read_text().replace(digest, digest.upper()))


DAMAGES: dict[str, Callable[[Store], object]] = {
    "corrupt manifest": lambda store: store.manifest.write_text("{nonsense"),
    "empty manifest file": lambda store: store.manifest.write_text(""),
    "manifest is an empty object": lambda store: store.manifest.write_text("{}"),
    "weights missing": lambda store: store.weights.unlink(),
    "system layer missing": lambda store: store.system.unlink(),
    "config missing": lambda store: store.config.unlink(),
    "config is no JSON": lambda store: store.config.write_text("{x"),
    "weights truncated": lambda store: store.weights.write_bytes(store.weights.read_bytes()[:5000]),
    "weights empty": lambda store: store.weights.write_bytes(b""),
    "digest with capital letters": Store.write_in_capitals,
    "unknown layer type": lambda store: store.add_layer("test.other", f"sha256:{store.system.name[7:]}"),
    "digest malformed": lambda store: store.add_layer("ollama.image.license", "sha256:77"),
}

EXPLAINED = (
    # path, what is recorded, what we say, the line of docs/differences.md
    (
        "",
        r"500 (invalid character .*|EOF)",
        r"500 the manifest of keep:latest is damaged: .*",
        "A damaged file of the store is named",
    ),
    (
        "",
        r"500 invalid character .*",
        r"500 the config sha256:\w+ is damaged: .*",
        "A damaged file of the store is named",
    ),
    (
        "",
        r"500 stat \{MODELS\}/blobs/(.*)",
        r"500 stat sha256-\w{64}: no such file or directory",
        "Errors name blobs by digest",
    ),
    (
        "",
        r"500 tensor .* exceeds file size \(5000\)",
        r"500 tensor .* exceeds file size \(5000\)",
        "Weights keep their bytes",
    ),
    ("/api/generate", r'400 "keep" does not support generate', "500 EOF", "Damaged weights are told as such"),
    ("/api/delete", r"500 (invalid character .*|EOF)", "200", "A model whose manifest is damaged can be removed"),
)

HEALED = {"damaged: config is no JSON": "A cut blob is replaced when its bytes come again"}
"""Stories in which the create mends the store, so that everything is listed after the restart."""


@pytest.fixture(autouse=True)
def _every_request_looks_at_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ollama's do; ours remember for two seconds what they saw."""
    monkeypatch.setattr("tampu.operations.services.Library", partial(Library, recheck_s=0.0))


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(models_folder=folder, home=folder.parent / "home")
    async with open_services(settings) as services:
        transport = httpx.ASGITransport(build_app(bind_operations(services), settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:11434") as client:
            yield client


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = await client.request(method, path, json=body)
    return answer.status_code, answer.json() if answer.content else None


async def make(client: httpx.AsyncClient) -> None:
    uploaded = await client.post(f"/api/blobs/{digest_of(FILE)}", content=model_file(FILE))
    assert uploaded.status_code == 201
    for body in (
        {"model": "keep", "files": {FILE: digest_of(FILE)}, "system": "kept a"},
        {"model": "child", "from": "keep", "template": "X {{ .Prompt }}"},
    ):
        assert (await ask(client, "POST", "/api/create", {**body, "stream": False}))[0] == 200
    await ask(client, "GET", "/api/tags")


def said(status: int, body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return f"{status} {error}" if error else str(status)


def line_for(path: str, wanted: str, got: str) -> str | None:
    """The line of docs/differences.md that explains the difference."""
    for place, recorded, ours, line in EXPLAINED:
        if path.endswith(place) and re.fullmatch(recorded, wanted) and re.fullmatch(ours, got):
            return line
    return None


async def play(
    client: httpx.AsyncClient, calls: list[dict[str, Any]], removed: set[str], explained: set[str]
) -> list[str]:
    """What differs. `removed`: models that are gone here and not in the recording; `explained`: lines that it took."""
    differing = []
    for call in calls:
        status, body = await ask(client, call["method"], call["path"], call.get("json"))
        wanted, got = said(call["status"], call.get("answer")), said(status, body)
        if wanted != got and (line := line_for(call["path"], wanted, got)):
            explained.add(line)
        elif wanted != got:
            differing.append(f"{call['path']}: want {wanted}, got {got}")
        if call["path"] == "/api/delete" and wanted != got:
            removed.add("keep:latest")
        if call["path"] == "/api/tags":
            names = sorted(model["name"] for model in body["models"])
            if names != [name for name in call["answer"] if name not in removed]:
                differing.append(f"/api/tags: want {call['answer']}, got {names}")
    return differing


def manifests(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("manifests/*/*/*/*")}


@pytest.mark.recorded("store/disk")
@pytest.mark.parametrize("name", CASES)
async def test_as_recorded(tmp_path: Path, name: str, record_property: Callable[[str, object], None]) -> None:
    store, case = Store(tmp_path / "models"), CASES[name]
    restart = next(number for number, call in enumerate(case["calls"]) if "after" in call)
    removed: set[str] = set()
    explained = {HEALED[name]} if name in HEALED else set()
    async with serving(store.folder) as client:
        await make(client)
        DAMAGES[name.removeprefix("damaged: ")](store)
        differing = await play(client, case["calls"][:restart], removed, explained)
    async with serving(store.folder) as client:
        differing += await play(client, case["calls"][restart:], removed, explained)
    if name in HEALED:
        left = ["child:latest", "cp:latest", "kid:latest"]
        assert differing == [
            f"/api/tags: want [], got {names}" for names in ([*left[:2], "keep:latest", left[2]], left)
        ]
        differing = []
    assert differing == []
    wanted = {entry["path"] for entry in case["tree"] if re.fullmatch("manifests/.*/.*/.*/.*[^/]", entry["path"])}
    if removed:
        wanted.discard("manifests/registry.ollama.ai/library/keep/latest")
    assert manifests(store.folder) == wanted
    if explained:
        record_property("explained", sorted(explained))


def test_every_damage_is_played_and_every_explanation_documented() -> None:
    assert {name.removeprefix("damaged: ") for name in CASES} == set(DAMAGES)
    assert {line for *_, line in EXPLAINED} | set(HEALED.values()) <= set(lines())


async def test_weights_that_come_back_are_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "models")
    async with serving(store.folder) as client:
        await make(client)
        store.weights.unlink()
        incapable = (400, {"error": '"keep" does not support generate'})
        body = {"model": "keep", "prompt": "x", "stream": False}
        assert await ask(client, "POST", "/api/generate", body) == incapable
        store.weights.write_bytes(model_file(FILE))
        assert await ask(client, "POST", "/api/generate", body) != incapable  # an engine finds them too small to run


async def test_weights_that_an_engine_would_die_of_are_not_given_to_one(tmp_path: Path) -> None:
    store, key = Store(tmp_path / "models"), b"llama.context_length"
    async with serving(store.folder) as client:
        await make(client)
        head, _, rest = model_file(FILE).partition(key)
        other = tmp_path / "other"
        other.write_bytes(head + key + rest[:4] + bytes(4) + rest[8:])
        other.replace(store.weights)
        status, said = await ask(client, "POST", "/api/generate", {"model": "keep", "prompt": "x", "stream": False})
        reason = "the weights cannot be run: llama.context_length must be from 1 to 2147483647, not 0"
        assert (status, said) == (500, {"error": reason})


async def test_a_token_that_is_there_twice_is_named_before_an_engine_dies_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "models")
    async with serving(store.folder) as client:
        await make(client)
        key, content = "tokenizer.ggml.tokens", model_file(FILE)
        tokens = read_header(store.weights).metadata[key]
        assert isinstance(tokens, ArraySummary)
        *_, one, last = texts_in(content[tokens.place.start : tokens.place.stop], tokens.count)
        assert len(one) == len(last)
        other = tmp_path / "other"
        other.write_bytes(content[: tokens.place.stop - len(last)] + one + content[tokens.place.stop :])
        other.replace(store.weights)
        status, said = await ask(client, "POST", "/api/generate", {"model": "keep", "prompt": "x", "stream": False})
        assert status == 400
        assert (
            f'the key "{key}" has the token "{one.decode()}" twice, at {tokens.count - 2} and {tokens.count - 1}'
            in said["error"]
        )
