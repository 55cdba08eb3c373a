import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.errors import CorruptManifest, ModelNotFound, StoreError
from tampu.store.layout import temporary_name
from tampu.store.library import Library
from tampu.store.manifests import decode_manifest, encode_manifest, layers_of
from tampu.store.model import Layer, Manifest
from tests.recordings import recording
from tests.store.stored import blob_files, damage_in, library_in, manifest_of, name, put


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_in(tmp_path)


def recorded_manifests() -> list[str]:
    texts = {
        entry["text"]
        for case in recording("store/disk.json")["cases"]
        for entry in case["tree"]
        if entry["path"].startswith("manifests/") and entry.get("text", "").startswith('{"schemaVersion":2')
    }
    return sorted(texts)


@pytest.mark.parametrize("text", recorded_manifests())
def test_recorded_manifests_are_written_byte_by_byte(text: str) -> None:
    assert encode_manifest(decode_manifest(text.encode(), name("m"))) == text.encode()


LAYERS = st.builds(Layer, st.text(), st.text(), st.integers(0, 2**53), st.text(), st.text())


@given(st.builds(Manifest, config=LAYERS, layers=st.lists(LAYERS, max_size=4).map(tuple)))
def test_what_is_written_reads_back(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest), name("m")) == manifest


@pytest.mark.parametrize(
    "content", [b'{"LAYERS":null,"Config":{"Digest":"d","extra":1},"other":[]} trailing', b"{}", b"null"]
)
def test_tolerated_forms(content: bytes) -> None:
    assert decode_manifest(content, name("m")).layers == ()


@pytest.mark.parametrize(
    "content", [b"", b" ", b"{nonsense", b"[]", b"3", b'{"layers":3}', b"\xff\xfe", b"[" * 100_000]
)
def test_damaged_forms(content: bytes) -> None:
    with pytest.raises(CorruptManifest, match="the manifest of m:latest is damaged"):
        decode_manifest(content, name("m"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        decode_manifest(content, name("m"))
    except CorruptManifest:
        pass


# --- commit ----------------------------------------------------------------------------------------------------------


def test_a_manifest_lies_under_its_name(library: Library) -> None:
    manifest = put(library, "h.test:5/ns/m:t", {"system": b"s"})
    path = library.layout.manifests / "h.test:5" / "ns" / "m" / "t"
    assert path.read_bytes() == encode_manifest(manifest)
    assert oct(path.parent.stat().st_mode & 0o777) == "0o755"
    read = library.read_manifest(name("h.test:5/ns/m:t"))
    assert read.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_pulled_bytes_are_kept_as_they_are(library: Library) -> None:
    manifest = manifest_of(library, {"system": b"s"})
    content = json.dumps(json.loads(encode_manifest(manifest)), indent=3).encode()
    library.commit(name("m"), content)
    assert library.layout.manifest(name("m")).read_bytes() == content


@pytest.mark.parametrize("harm", ["missing", "cut", "longer"])
def test_no_manifest_names_a_blob_that_is_not_whole(library: Library, harm: str) -> None:
    manifest = manifest_of(library, {"system": b"text"})
    path = library.layout.blob(manifest.layers[0].digest)
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(b"tex" if harm == "cut" else b"text!")
    with pytest.raises(StoreError, match=manifest.layers[0].digest):
        library.commit(name("m"), manifest)
    assert library.names() == []


def test_a_replaced_manifest_takes_its_blobs_along(library: Library) -> None:
    old = put(library, "m", {"system": b"one", "license": b"shared"})
    new = put(library, "m", {"system": b"two", "license": b"shared"})
    names = {library.layout.blob(layer.digest).name for layer in layers_of(new)}
    assert blob_files(library) == names
    assert old.layers[1] == new.layers[1]


def test_a_replaced_manifest_keeps_its_blobs_where_asked(library: Library) -> None:
    old = put(library, "m", {"system": b"one"})
    library.commit(name("m"), manifest_of(library, {"system": b"two"}), keep_unused=True)
    assert library.blobs.has(old.layers[0].digest)


def test_a_corrupt_manifest_can_be_replaced(library: Library) -> None:
    path = library.layout.manifest(name("m"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{nonsense")
    put(library, "m", {"system": b"s"})
    assert damage_in(library.layout.root) == []


# --- delete and copy -------------------------------------------------------------------------------------------------


def test_delete_removes_what_only_it_used(library: Library) -> None:
    put(library, "a/m:1", {"system": b"own", "license": b"shared"})
    kept = put(library, "b/n:2", {"license": b"shared"})
    library.delete(name("a/m:1"))
    assert library.names() == [name("b/n:2")]
    assert blob_files(library) == {library.layout.blob(layer.digest).name for layer in layers_of(kept)}
    assert not (library.layout.manifests / "registry.ollama.ai" / "a").exists()
    library.delete(name("b/n:2"))
    assert blob_files(library) == set()
    assert list(library.layout.manifests.iterdir()) == []


def test_delete_leaves_what_another_spelling_of_the_digest_uses(library: Library) -> None:
    manifest = put(library, "m", {"system": b"s"})
    dashed = encode_manifest(manifest).replace(b"sha256:", b"sha256-")
    library.commit(name("n"), dashed)
    library.delete(name("m"))
    assert damage_in(library.layout.root) == []


def test_a_name_that_is_not_there(library: Library) -> None:
    with pytest.raises(ModelNotFound):
        library.delete(name("m"))
    with pytest.raises(ModelNotFound):
        library.copy(name("m"), name("n"))


@pytest.mark.parametrize("content", [b"{nonsense", b""])
def test_a_corrupt_manifest_is_copied_and_removed(library: Library, content: bytes) -> None:
    path = library.layout.manifest(name("m"))
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    library.copy(name("m"), name("n"))
    assert library.layout.manifest(name("n")).read_bytes() == content
    library.delete(name("m"))
    assert not path.parent.exists()


def test_nothing_goes_that_a_damaged_manifest_may_name(library: Library) -> None:
    put(library, "m", {"model": b"weights", "system": b"one"})
    put(library, "n", {"model": b"weights"})
    content = library.layout.manifest(name("m")).read_bytes()
    library.layout.manifest(name("m")).write_bytes(content[:-9])
    before = blob_files(library)
    library.delete(name("n"))
    put(library, "o", {"system": b"two"})
    library.delete(name("o"))
    assert blob_files(library) > before
    library.layout.manifest(name("m")).write_bytes(content)  # it can still be brought back
    assert damage_in(library.layout.root) == []
    library.delete(name("m"))
    assert {path.name for path in library.layout.manifests.iterdir()} == set()


def test_a_manifest_that_was_put_aside_counts(library: Library) -> None:
    put(library, "m", {"system": b"one"})
    put(library, "n", {"system": b"one"})
    path = library.layout.manifest(name("m"))
    path.rename(path.with_name(".latest"))
    path.with_name(".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    library.delete(name("n"))
    path.with_name(".latest").rename(path)
    assert damage_in(library.layout.root) == []


def test_places_that_cannot_be_looked_into_hide_manifests(library: Library, tmp_path: Path) -> None:
    put(library, "m", {"system": b"one"})
    put(library, "ns/n", {"system": b"one"})
    folder = library.layout.manifests / "registry.ollama.ai" / "library"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert len(library.names()) == 2
    (tmp_path / "elsewhere").rename(tmp_path / "unmounted")
    assert [hidden.path for hidden in library.manifests.scan().hidden] == [folder]
    with pytest.raises(CorruptManifest, match="library is a link that leads nowhere"):
        library.manifests.all_references()
    library.delete(name("ns/n"))
    (tmp_path / "unmounted").rename(tmp_path / "elsewhere")
    assert damage_in(library.layout.root) == []


def test_a_folder_that_others_closed_hides_manifests(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    put(library, "m", {"system": b"one"})
    look = os.scandir

    def refuse(folder: str) -> Any:
        if folder.endswith("library"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return look(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(
        CorruptManifest, match=r"manifests/registry.ollama.ai/library cannot be read: permission denied"
    ):
        library.manifests.all_references()


def test_a_copy_survives_its_source(library: Library) -> None:
    put(library, "m", {"system": b"s"})
    library.copy(name("m"), name("n"))
    library.delete(name("m"))
    assert damage_in(library.layout.root) == []
    assert library.names() == [name("n")]


def test_a_digest_that_is_none_does_not_stop_a_delete(library: Library) -> None:
    put(library, "m", {"system": b"s"})
    path = library.layout.manifest(name("m"))
    path.write_bytes(path.read_bytes().replace(b"sha256:", b"nonsense:"))
    library.delete(name("m"))
    assert library.names() == []


def test_a_held_upload_survives_the_deletion_of_its_model(library: Library) -> None:
    manifest = put(library, "m", {"model": b"weights"})
    digest = manifest.layers[0].digest
    library.holds.add(digest, library.layout.blob(digest))
    library.delete(name("m"))
    assert library.blobs.has(digest)
    put(library, "m", {"model": b"weights"})
    library.delete(name("m"))
    assert not library.blobs.has(digest)


# --- scanning --------------------------------------------------------------------------------------------------------


def test_only_valid_names_four_levels_down_count(library: Library) -> None:
    put(library, "m", {"system": b"s"})
    root = library.layout.manifests
    for odd in ("stray", "a/b/c/d/e", "registry.ollama.ai/library/bad name/latest", "h/.hidden/m/t"):
        (root / odd).parent.mkdir(parents=True, exist_ok=True)
        (root / odd).write_bytes(b"{}")
    scan = library.manifests.scan()
    assert list(scan.names) == [name("m")]
    assert {str(path.relative_to(root)) for path in scan.invalid} == {
        "registry.ollama.ai/library/bad name/latest",
        "h/.hidden/m/t",
    }


def test_an_absent_folder_is_an_empty_store(tmp_path: Path) -> None:
    assert library_in(tmp_path / "absent").names() == []


def test_a_manifest_in_the_making_is_no_model(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    manifest = manifest_of(library, {"system": b"s"})
    monkeypatch.setattr("tampu.store.manifests.sync_folder", lambda _: seen.append(library.names()))
    library.commit(name("m"), manifest)
    assert seen[-1] == [name("m")]
    assert all(names in ([], [name("m")]) for names in seen)
    assert temporary_name("x").startswith("sha256-")
