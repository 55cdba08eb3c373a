import builtins
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tampu.errors import BlobNotFound, CorruptBlob, CorruptManifest, ModelNotFound
from tampu.messages import Message
from tampu.store.library import Library
from tampu.store.manifests import ManifestStore
from tampu.store.model import ModelConfig
from tests.fakes.gguf_files import GgufFile
from tests.store.stored import Clock, library_in, manifest_of, name, put, weights

TEXTS = {
    "model": weights(),
    "template": b"{{ .Prompt }}",
    "system": "Sei kurz, \u00e9".encode(),
    "license": b"L1",
    "params": b'{"stop":["x"],"num_ctx":64,"seed":null}\n',
    "messages": b'[{"role":"user","content":"hi"}]\n',
    "unheard.of": b"?",
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_in(tmp_path)


@contextmanager
def no_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any call of the file system inside the block fails the test."""

    def fail(*arguments: object, **_: object) -> Any:
        raise AssertionError(f"the disk was touched: {arguments}")

    with monkeypatch.context() as patch:
        for call in ("stat", "lstat", "open", "scandir", "listdir", "read", "fstat"):
            patch.setattr(os, call, fail)
        patch.setattr(builtins, "open", fail)
        patch.setattr("io.open", fail)
        yield


def test_a_model_is_read_whole(library: Library) -> None:
    manifest = put(library, "ns/m:t", TEXTS, config=ModelConfig(model_format="gguf", renderer="r"))
    model = library.get(name("ns/m:t"))
    assert model.name == name("ns/m:t")
    assert model.manifest == manifest
    assert model.config.renderer == "r"
    assert model.weights == (library.layout.blob(manifest.layers[0].digest),)
    assert (model.template, model.system, model.licenses) == ("{{ .Prompt }}", "Sei kurz, \u00e9", ("L1",))
    assert model.parameters == {"stop": ["x"], "num_ctx": 64, "seed": None}
    assert model.messages == (Message("user", "hi"),)
    assert model.size_bytes == sum(len(text) for text in TEXTS.values()) + manifest.config.size
    assert model.digest == library.read_manifest(name("ns/m:t")).digest
    assert model.modified_ns == library.layout.manifest(name("ns/m:t")).stat().st_mtime_ns


def test_the_old_name_of_a_template_counts(library: Library) -> None:
    put(library, "m", {"prompt": b"old"})
    assert library.get(name("m")).template == "old"


def test_names_are_found_in_any_case(library: Library) -> None:
    put(library, "Ns/M:T", TEXTS)
    assert library.get(name("nS/m:t")).name == name("Ns/M:T")
    assert library.resolve(name("new/thing:t")) == name("new/thing:T")


def test_an_unknown_name(library: Library) -> None:
    with pytest.raises(ModelNotFound, match="model 'm:latest' not found"):
        library.get(name("m"))


# --- what is warm ----------------------------------------------------------------------------------------------------


def test_a_warm_get_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    library = library_in(tmp_path, recheck_s=2.0, clock=clock)
    put(library, "m", TEXTS)
    model = library.get(name("M"))
    header = library.header(model.weights[0])
    clock.now += 1.9
    with no_disk(monkeypatch):
        assert library.get(name("m")) is model
        assert library.get(name("M")) is model
        assert library.header(model.weights[0]) is header
        assert anyio.run(library.find, name("M")) is model
    with no_disk(monkeypatch), pytest.raises(AssertionError, match="the disk was touched"):
        library.get(name("other"))


def test_later_only_the_status_is_asked(tmp_path: Path) -> None:
    clock = Clock()
    library = library_in(tmp_path, recheck_s=2.0, clock=clock)
    put(library, "m", TEXTS)
    model = library.get(name("m"))
    clock.now += 2.1
    assert library.peek(name("m")) is None
    assert library.get(name("m")) is model


def test_own_changes_are_seen_at_once(tmp_path: Path) -> None:
    library = library_in(tmp_path, recheck_s=1000.0)
    put(library, "m", {"system": b"one"})
    assert library.get(name("m")).system == "one"
    put(library, "m", {"system": b"two"})
    assert library.get(name("m")).system == "two"
    put(library, "n", {"system": b"three"})
    library.copy(name("n"), name("m"))
    assert library.get(name("M")).system == "three"
    library.delete(name("m"))
    with pytest.raises(ModelNotFound):
        library.get(name("m"))


def test_nobody_is_given_what_is_about_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = library_in(tmp_path, recheck_s=1000.0)
    put(library, "m", {"system": b"one"})
    put(library, "n", {"system": b"three"})
    library.get(name("m"))
    found = []
    remove = ManifestStore._delete_unused

    def ask_then_remove(store: ManifestStore, digests: Any) -> int:
        found.append(library.get(name("m")).system)
        return remove(store, digests)

    monkeypatch.setattr(ManifestStore, "_delete_unused", ask_then_remove)
    put(library, "m", {"system": b"two"})
    library.copy(name("n"), name("m"))
    assert found == ["two", "three"]


def test_changes_of_another_process_are_seen_after_the_recheck(tmp_path: Path) -> None:
    clock = Clock()
    library, other = library_in(tmp_path, recheck_s=2.0, clock=clock), library_in(tmp_path)
    put(library, "m", {"system": b"one"})
    assert library.get(name("m")).system == "one"
    put(other, "m", {"system": b"two"})
    assert library.get(name("m")).system == "one"
    clock.now += 3
    assert library.get(name("m")).system == "two"
    other.delete(name("m"))
    clock.now += 3
    with pytest.raises(ModelNotFound):
        library.get(name("m"))
    put(other, "m", {"system": b"three"})
    assert library.get(name("m")).system == "three"


# --- damage: the table of what each kind means -----------------------------------------------------------------------


def damaged(library: Library, kind: str) -> None:
    manifest = put(library, "keep", {"model": weights(), "system": b"kept"})
    path = library.layout.manifest(name("keep"))
    blob, system, config = (library.layout.blob(layer.digest) for layer in (*manifest.layers, manifest.config))
    content = path.read_bytes()
    match kind:
        case "corrupt manifest":
            path.write_bytes(b"{nonsense")
        case "empty manifest":
            path.write_bytes(b"")
        case "empty object":
            path.write_bytes(b"{}")
        case "config missing":
            config.unlink()
        case "config no json":
            config.write_bytes(b"{x")
        case "weights missing":
            blob.unlink()
        case "weights cut":
            blob.write_bytes(weights()[:5000])
        case "weights empty":
            blob.write_bytes(b"")
        case "system missing":
            system.unlink()
        case "malformed digest":
            path.write_bytes(content.replace(manifest.layers[1].digest.encode(), b"sha256:12"))
        case "capital digest":
            digest = manifest.layers[0].digest
            path.write_bytes(content.replace(digest.encode(), f"sha256:{digest[7:].upper()}".encode()))


@pytest.mark.parametrize(
    ("kind", "error", "is_listed"),
    [
        ("corrupt manifest", CorruptManifest, False),
        ("empty manifest", CorruptManifest, False),
        ("empty object", None, True),
        ("config missing", ModelNotFound, False),
        ("config no json", CorruptManifest, False),
        ("weights missing", None, True),
        ("weights cut", None, True),
        ("weights empty", None, True),
        ("system missing", ModelNotFound, True),
        ("malformed digest", CorruptManifest, True),
        ("capital digest", None, True),
    ],
)
def test_damage(library: Library, kind: str, error: type[Exception] | None, is_listed: bool) -> None:
    damaged(library, kind)
    fresh = library_in(library.layout.root)
    if error is None:
        fresh.get(name("keep"))
    else:
        with pytest.raises(error):
            fresh.get(name("keep"))
    assert [summary.name for summary in fresh.summaries()] == (["keep:latest"] if is_listed else [])
    assert len(fresh.models()) == int(is_listed)


@pytest.mark.parametrize("kind", ["config missing", "system missing", "config no json", "corrupt manifest"])
def test_damage_is_noticed_while_the_model_is_in_memory(library: Library, kind: str) -> None:
    put(library, "keep", {"model": weights(), "system": b"kept"})
    library.get(name("keep"))
    damaged(library_in(library.layout.root), kind)
    with pytest.raises((ModelNotFound, CorruptManifest)):
        library.get(name("keep"))


def test_a_malformed_digest_is_told_as_such(library: Library) -> None:
    damaged(library, "malformed digest")
    with pytest.raises(CorruptManifest, match="invalid digest format"):
        library.get(name("keep"))


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("weights missing", BlobNotFound, "not found"),
        ("weights cut", CorruptBlob, "exceeds file size"),
        ("weights empty", CorruptBlob, "EOF"),
    ],
)
def test_damaged_weights_show_in_the_header(library: Library, kind: str, error: type[Exception], text: str) -> None:
    damaged(library, kind)
    with pytest.raises(error, match=text):
        library.header(library.get(name("keep")).weights[0])


# --- lists -----------------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_by_the_second_then_by_name(library: Library) -> None:
    for model, modified in (("b", 100), ("a", 100.5), ("c", 200), ("d", 50)):
        put(library, model, {"system": b"s"})
        os.utime(library.layout.manifest(name(model)), (modified, modified))
    assert [summary.name for summary in library.summaries()] == ["c:latest", "a:latest", "b:latest", "d:latest"]


def test_an_entry_of_the_list(library: Library) -> None:
    config = ModelConfig(model_format="gguf", model_family="llama", model_families=("llama",), embedding_length=7)
    manifest = put(library, "m", TEXTS, config=config)
    (summary,) = library.summaries()
    assert summary.digest == library.get(name("m")).digest
    assert summary.size_bytes == sum(layer.size for layer in (*manifest.layers, manifest.config))
    assert (summary.details.context_length, summary.details.embedding_length) == (128, 7)
    assert [capability.value for capability in summary.capabilities] == ["completion"]


def test_a_warm_list_reads_no_file(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        put(library, f"m{number}", TEXTS)
    before = library.summaries()

    def fail(*arguments: object, **_: object) -> Any:
        raise AssertionError(f"a file was read: {arguments}")

    monkeypatch.setattr("io.open", fail)
    assert library.summaries() == before


def test_the_list_follows_the_folder(library: Library) -> None:
    other = library_in(library.layout.root)
    put(other, "m", {"system": b"s"})
    assert len(library.summaries()) == 1
    put(other, "m", {"system": b"longer"})
    assert library.summaries()[0].digest == other.get(name("m")).digest
    other.delete(name("m"))
    assert library.summaries() == []


def test_a_config_that_comes_back_brings_the_entry_back(library: Library) -> None:
    damaged(library, "config missing")
    assert library.summaries() == []
    manifest_of(library, {})
    assert len(library.summaries()) == 1


def test_few_headers_are_remembered(library: Library, tmp_path: Path) -> None:
    for number in range(70):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(weights())
        library.header(path)
    assert len(library._headers) == 64


def test_large_headers_take_a_bounded_room(library: Library, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.gguf" for number in range(6)]
    for path in paths:
        GgufFile(metadata=[(f"a.{part}", "x" * (10 << 20)) for part in range(2)]).write(path)
        library.header(path)
    assert sum(header.header.memory_bytes for header in library._headers.values()) <= 64 << 20
    assert list(library._headers) == paths[-3:]
