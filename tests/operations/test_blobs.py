import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from tampu.errors import BadRequest
from tampu.management import AdoptRequest, DeleteRequest
from tampu.operations.blobs import adopt_blob, has_blob, receive_blob
from tampu.operations.catalog import delete_model
from tampu.store.purge import find_unused, remove_unused
from tests.operations.store_steps import StoreServices, filled, model_file, pieces, run_create, run_step, services_in
from tests.recordings import recording

pytestmark = pytest.mark.anyio


@pytest.fixture
def services(tmp_path: Path) -> StoreServices:
    return services_in(tmp_path)


async def never(*_: object) -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def test_recorded_exchanges(services: StoreServices) -> None:
    played = 0
    for step in recording("store/blobs.json")["steps"]:
        upload = model_file(step["blob"]) if "blob" in step else step.get("text", "").encode()
        got = await run_step(services, step["method"], filled(step["path"]), None, upload)
        if got is None:
            continue
        played += 1
        wanted = step["response"]
        assert (step["name"], got.status) == (step["name"], wanted["status"])
        if isinstance(wanted.get("body"), dict) and "error" in wanted["body"]:
            assert got.body == wanted["body"]
    assert played == 28


async def test_a_stored_blob_is_not_read_again(services: StoreServices) -> None:
    digest = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    assert not await has_blob(services, digest)
    assert await receive_blob(services, digest, pieces(b"x"))
    assert await has_blob(services, digest)
    assert not await receive_blob(services, digest, never())


async def test_a_blob_that_is_deleted_while_it_is_looked_for_is_taken(
    services: StoreServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, digest = services.library.blobs, f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    await receive_blob(services, digest, pieces(b"x"))
    services.library.holds.release([digest])
    monkeypatch.setattr(type(blobs), "touch", lambda blobs, digest: blobs.path(digest).unlink(missing_ok=True))
    assert await receive_blob(services, digest, pieces(b"x"))
    assert blobs.path(digest).read_bytes() == b"x"


async def test_a_lost_client_leaves_nothing(services: StoreServices) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await receive_blob(services, f"sha256:{'0' * 64}", broken())
    assert list(services.library.layout.blobs.iterdir()) == []


async def test_many_uploads_of_one_blob_at_once(services: StoreServices) -> None:
    content = b"same" * 500_000
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(receive_blob, services, digest, pieces(content))
    assert [path.read_bytes() for path in services.library.layout.blobs.iterdir()] == [content]


async def test_a_malformed_digest_is_refused_before_the_body(services: StoreServices) -> None:
    with pytest.raises(BadRequest, match="invalid digest format"):
        await receive_blob(services, "sha256:../../x", never())


# --- from where it lies ------------------------------------------------------------------------------------------


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


WEIGHTS = b"GGUF" + bytes(3_000_000)


async def adopt(services: StoreServices, path: Path | str, digest: str) -> list[str]:
    return [report.status async for report in adopt_blob(services, AdoptRequest(digest, str(path)))]


@pytest.mark.parametrize("separator", [":", "-"])
async def test_a_file_is_taken_without_a_second_copy(services: StoreServices, tmp_path: Path, separator: str) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(WEIGHTS)
    os.utime(source, (1, 1))
    digest = sha256(WEIGHTS)
    assert (await adopt(services, source, digest.replace(":", separator)))[-1] == "success"
    blob = services.library.blobs.path(digest)
    assert blob.read_bytes() == WEIGHTS
    is_hard_link = blob.samefile(source)
    assert source.stat().st_nlink == (2 if is_hard_link else 1)
    if is_hard_link:
        assert sum(path.stat().st_blocks for path in services.library.layout.blobs.iterdir()) == blob.stat().st_blocks
    assert digest in services.library.holds
    assert await adopt(services, "/nowhere", digest) == ["success"]  # it is there
    assert source.stat().st_mtime == 1, "times are the user's own"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to(path),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"root:x:0:0"),
        lambda path: path.write_bytes(WEIGHTS + b"other"),
    ],
)
async def test_every_refusal_says_the_same_and_stores_nothing(
    services: StoreServices, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    source = tmp_path / "secret"
    make(source)
    with pytest.raises(BadRequest) as caught:
        await adopt(services, source, sha256(WEIGHTS))
    assert caught.value.message == "the server cannot take this file from where it lies; upload it"
    assert not services.library.layout.blobs.exists() or not list(services.library.layout.blobs.iterdir())


async def test_a_file_on_another_file_system_is_pointed_to(
    services: StoreServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tampu.store.clone._reflink", lambda *_: False)
    monkeypatch.setattr("tampu.store.clone._hard_link", lambda *_: False)
    source, digest = tmp_path / "mine.gguf", sha256(WEIGHTS)
    source.write_bytes(WEIGHTS)
    os.utime(source, (1, 1))
    library = services.library
    request = AdoptRequest(digest, str(source), or_point=True)
    assert [report.status async for report in adopt_blob(services, request)][-1] == "success"
    blob = library.blobs.path(digest)
    assert blob.readlink() == source
    library.blobs.touch(digest)
    assert source.stat().st_mtime == 1
    library.holds.release([digest])
    source.rename(tmp_path / "moved.gguf")
    assert not library.blobs.has(digest)
    (leftover,) = find_unused(library)
    assert remove_unused(library, [leftover]) == [leftover]
    assert not blob.is_symlink()


async def test_removing_a_link_leaves_the_file(
    services: StoreServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tampu.store.clone._reflink", lambda *_: False)
    monkeypatch.setattr("tampu.store.clone._hard_link", lambda *_: False)
    source, content = tmp_path / "mine.gguf", model_file("a-embed.gguf")
    source.write_bytes(content)
    request = AdoptRequest(sha256(content), str(source), or_point=True)
    _ = [report async for report in adopt_blob(services, request)]
    await run_create(services, {"model": "m", "files": {"mine.gguf": sha256(content)}})
    await delete_model(services, DeleteRequest("m"))
    assert list(services.library.layout.blobs.iterdir()) == []
    assert source.read_bytes() == content


@pytest.mark.parametrize("path", ["", ".", "a\0b", "w.gguf", "\ud800", "x" * 100_000])
async def test_paths_that_are_none(
    services: StoreServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "w.gguf").write_bytes(WEIGHTS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequest, match="cannot take this file"):
        await adopt(services, path, sha256(WEIGHTS))


async def test_a_digest_that_is_none_is_refused_first(services: StoreServices, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="invalid digest format"):
        await adopt(services, tmp_path, "sha256:../../x")
