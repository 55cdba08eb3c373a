"""The stored models as a registry shows them."""

import hashlib
import os
from pathlib import Path

import pytest

from tampu.errors import BlobNotFound, CorruptBlob, CorruptManifest, InvalidName, ModelNotFound, NotFound
from tampu.names import ModelName
from tampu.operations.sharing import SharedModels
from tampu.sharing import Lookup
from tampu.store.library import Library
from tampu.store.manifests import encode_manifest
from tampu.store.model import Layer, Manifest

pytestmark = pytest.mark.anyio


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


@pytest.fixture
def shared(library: Library) -> SharedModels:
    return SharedModels(library)


def add(library: Library, name: str, content: bytes = b"weights") -> str:
    """Store a model of one blob; the blob's digest."""
    stored = library.blobs.put_bytes(content)
    library.commit(ModelName.parse(name), encode_manifest(Manifest(layers=(Layer("x", stored.digest, len(content)),))))
    return stored.digest


async def read(shared: SharedModels, repository: str, digest: str) -> bytes:
    async with shared.blob(Lookup(repository, digest)) as blob:
        return b"".join([piece async for piece in blob.pieces(0, blob.size)])


async def found(shared: SharedModels, repository: str, reference: str = "latest") -> bytes:
    return (await shared.manifest(Lookup(repository, reference))).content


async def test_names(library: Library, shared: SharedModels) -> None:
    add(library, "x", b"plain")
    add(library, "Me/X", b"mine")
    add(library, "hf.co/me/y:Q4", b"elsewhere")
    add(library, "10.0.0.1:5000/library/z", b"by address")
    by_name = {name.full: library.manifests.read_bytes(name) for name in library.names()}
    assert (
        await found(shared, "x") == await found(shared, "library/x") == by_name["registry.ollama.ai/library/x:latest"]
    )
    assert await found(shared, "me/x") == await found(shared, "Me/X") == by_name["registry.ollama.ai/Me/X:latest"]
    assert await found(shared, "hf.co/me/y", "q4") == await found(shared, "ME/Y", "Q4") == by_name["hf.co/me/y:Q4"]
    assert await found(shared, "z") == await found(shared, "10.0.0.1:5000/library/z")
    assert await shared.repositories() == ["10.0.0.1:5000/library/z", "Me/X", "hf.co/me/y", "library/x"]
    assert await shared.tags("me/y") == ["Q4"]


async def test_a_name_that_may_mean_two_means_none(library: Library, shared: SharedModels) -> None:
    add(library, "hf.co/me/y", b"one")
    add(library, "modelscope.cn/me/y", b"other")
    with pytest.raises(NotFound, match="repository me/y"):
        await found(shared, "me/y")
    assert await found(shared, "hf.co/me/y") != await found(shared, "modelscope.cn/me/y")
    add(library, "me/y", b"own")
    assert hashlib.sha256(b"own").hexdigest() in (await found(shared, "me/y")).decode()


@pytest.mark.parametrize("repository", ["", "a/b/c/d", "../x", "a//b", "x y", "-", "a" * 500, "host/ns/..", "\u00e9"])
async def test_names_that_are_none(shared: SharedModels, repository: str) -> None:
    with pytest.raises((InvalidName, NotFound)):
        await shared.tags(repository)


async def test_by_digest(library: Library, shared: SharedModels) -> None:
    add(library, "x:a", b"one")
    add(library, "x:b", b"two")
    wanted = await shared.manifest(Lookup("x", "b"))
    assert await shared.manifest(Lookup("x", wanted.digest)) == wanted
    for reference in ("sha256:" + "0" * 64, "sha256:x", "md5:x", "c"):
        with pytest.raises(ModelNotFound):
            await shared.manifest(Lookup("x", reference))


async def test_a_damaged_neighbour_hides_nothing(library: Library, shared: SharedModels) -> None:
    digest = add(library, "x:good")
    library.layout.manifest(ModelName.parse("x:bad")).write_bytes(b"{")
    assert await read(shared, "x", digest) == b"weights"
    with pytest.raises(CorruptManifest):
        await found(shared, "x", "bad")
    wanted = await shared.manifest(Lookup("x", "good"))
    assert (await shared.manifest(Lookup("x", wanted.digest))).content == wanted.content


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "sha256:..", "../../../etc/passwd", "", "sha256-" + "a" * 64])
async def test_blobs_that_are_none(library: Library, shared: SharedModels, digest: str) -> None:
    add(library, "x")
    with pytest.raises(BlobNotFound):
        await read(shared, "x", digest)


async def test_a_stored_blob_of_no_manifest_is_nobodys(library: Library, shared: SharedModels) -> None:
    add(library, "x")
    stray = library.blobs.put_bytes(b"a stray upload").digest
    other = add(library, "y", b"another's")
    for digest in (stray, other):
        with pytest.raises(BlobNotFound):
            await read(shared, "x", digest)


async def test_a_blob_that_is_cut_or_gone_or_no_file(library: Library, shared: SharedModels) -> None:
    digest = add(library, "x")
    path = library.blobs.path(digest)
    os.truncate(path, 3)
    with pytest.raises(CorruptBlob, match="has 3 bytes here instead of 7"):
        await read(shared, "x", digest)
    path.unlink()
    with pytest.raises(BlobNotFound):
        await read(shared, "x", digest)
    os.mkfifo(path)
    with pytest.raises(BlobNotFound):
        await read(shared, "x", digest)


async def test_a_blob_that_is_cut_while_it_is_read(library: Library, shared: SharedModels) -> None:
    digest = add(library, "x", bytes(1 << 20))
    async with shared.blob(Lookup("x", digest)) as blob:
        pieces = blob.pieces(0, blob.size)
        await anext(pieces)
        os.truncate(library.blobs.path(digest), 1 << 10)
        with pytest.raises(CorruptBlob, match="became shorter"):
            await anext(pieces)


async def test_a_file_that_lies_elsewhere_is_sent(library: Library, shared: SharedModels, tmp_path: Path) -> None:
    content = b"GGUF" + bytes(1000)
    outside = tmp_path / "mine.gguf"
    outside.write_bytes(content)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    library.layout.blobs.mkdir(parents=True)
    library.blobs.path(digest).symlink_to(outside)
    library.commit(ModelName.parse("x"), encode_manifest(Manifest(layers=(Layer("x", digest, len(content)),))))
    assert await read(shared, "x", digest) == content
