import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tampu.errors import BlobNotFound, CorruptBlob, DigestMismatch, DiskFull, StoreError
from tampu.store import clone
from tampu.store.blobs import AdoptStep, StoredBlob
from tampu.store.hashing import hash_steps
from tampu.store.library import Library
from tampu.store.locks import Pins, remove_unpinned
from tests.store.stored import blob_files, library_in, name, put

pytestmark = pytest.mark.anyio


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_in(tmp_path / "models")


def test_bytes_lie_under_their_digest(library: Library) -> None:
    stored = library.blobs.put_bytes(b"hello")
    assert (stored.digest, stored.size, stored.is_new) == (digest_of(b"hello"), 5, True)
    path = library.blobs.path(stored.digest)
    assert path.read_bytes() == b"hello"
    assert oct(path.stat().st_mode & 0o777) == oct(0o666 & ~_umask())
    assert blob_files(library) == {path.name}


def test_the_empty_blob(library: Library) -> None:
    assert library.blobs.size(library.blobs.put_bytes(b"").digest) == 0


def test_the_same_bytes_again_are_found_and_touched(library: Library) -> None:
    path = library.blobs.path(library.blobs.put_bytes(b"x").digest)
    os.utime(path, (1, 1))
    assert not library.blobs.put_bytes(b"x").is_new
    assert path.stat().st_mtime > 1


def test_a_cut_blob_is_replaced_by_the_whole_one(library: Library) -> None:
    stored = library.blobs.put_bytes(b"whole")
    library.blobs.path(stored.digest).write_bytes(b"who")
    assert library.blobs.put_bytes(b"whole").is_new
    assert library.blobs.read(stored.digest, limit=10) == b"whole"


def test_reading(library: Library) -> None:
    digest = library.blobs.put_bytes(b"12345").digest
    assert library.blobs.read(digest, limit=5) == b"12345"
    with pytest.raises(CorruptBlob, match="more than 4 bytes"):
        library.blobs.read(digest, limit=4)
    with pytest.raises(BlobNotFound):
        library.blobs.read(digest_of(b"absent"), limit=5)
    with pytest.raises(BlobNotFound):
        library.blobs.size(digest_of(b"absent"))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pieces=st.lists(st.binary(max_size=2_000_000) | st.binary(max_size=10), max_size=5))
def test_any_split_stores_the_same(tmp_path: Path, pieces: list[bytes]) -> None:
    library = library_in(tmp_path / "split")

    async def upload() -> str:
        async with library.blobs.writer() as writer:
            for piece in pieces:
                await writer.write(piece)
            return (await writer.commit()).digest

    content = b"".join(pieces)
    assert anyio.run(upload) == digest_of(content)
    assert library.blobs.path(digest_of(content)).read_bytes() == content


async def test_a_writer_that_is_left_leaves_nothing(library: Library) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012  # the block is what is tested
        async with library.blobs.writer() as writer:
            await writer.write(b"x" * 3_000_000)
            assert len(blob_files(library)) == 1
            raise RuntimeError
    assert blob_files(library) == set()


async def test_a_cancelled_writer_leaves_nothing(library: Library) -> None:
    with anyio.CancelScope() as scope:
        async with library.blobs.writer() as writer:
            await writer.write(b"x" * 3_000_000)
            scope.cancel()
            await anyio.sleep_forever()
    assert blob_files(library) == set()


async def test_other_bytes_than_wanted_are_not_kept(library: Library) -> None:
    with pytest.raises(DigestMismatch, match="digest mismatch, expected"):  # noqa: PT012  # leaving the block, too
        async with library.blobs.writer() as writer:
            await writer.write(b"x")
            await writer.commit(wanted=digest_of(b"y"))
    assert blob_files(library) == set()


# --- importing files -------------------------------------------------------------------------------------------------


async def adopt(library: Library, source: Path, on_step: Callable[[AdoptStep], None] = lambda _: None) -> StoredBlob:
    blob = None
    async for step in library.blobs.adopting(source):
        on_step(step)
        blob = step.blob
    assert blob is not None
    return blob


async def test_an_imported_file_shares_its_bytes(library: Library, tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(os.urandom(40_000_000))
    seen: list[tuple[int, int]] = []
    stored = await adopt(library, source, lambda step: seen.append((step.done, step.total)))
    path = library.blobs.path(stored.digest)
    assert path.read_bytes() == source.read_bytes()
    assert stored.size == 40_000_000
    assert seen[-1] == (40_000_000, 40_000_000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 1
    assert path.samefile(source) or path.stat().st_nlink == 1  # a hard link, or a reflink of its own
    assert blob_files(library) == {path.name}
    source.unlink()
    assert path.stat().st_size == 40_000_000


async def test_importing_again_and_through_a_link(library: Library, tmp_path: Path) -> None:
    source, link = tmp_path / "m.gguf", tmp_path / "link.gguf"
    source.write_bytes(b"weights")
    link.symlink_to(source)
    first = await adopt(library, source)
    again = await adopt(library, link)
    itself = await adopt(library, library.blobs.path(first.digest))
    assert (first.is_new, again.is_new, itself.is_new) == (True, False, False)
    assert blob_files(library) == {library.blobs.path(first.digest).name}
    assert not library.blobs.path(first.digest).is_symlink()


def no_sharing(_: Path, __: Path) -> bool:
    return False


async def test_a_file_that_cannot_be_shared_is_copied(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clone, "_reflink", no_sharing)
    monkeypatch.setattr(clone, "_hard_link", no_sharing)
    source = tmp_path / "m.gguf"
    source.write_bytes(b"w" * 3_000_000)
    seen: list[int] = []
    stored = await adopt(library, source, lambda step: seen.append(step.done))
    path = library.blobs.path(stored.digest)
    assert path.read_bytes() == source.read_bytes()
    assert not path.samefile(source)
    assert seen[-1] == 3_000_000


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.EPERM, errno.EMLINK])
async def test_a_refused_link_means_a_copy(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(refusal, "no")

    monkeypatch.setattr(clone.os, "link", refuse)
    monkeypatch.setattr("tampu.store.clone._reflink", no_sharing)
    source = tmp_path / "m.gguf"
    source.write_bytes(b"abc")
    assert (await adopt(library, source)).digest == digest_of(b"abc")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: None, lambda path: path.symlink_to(path)])
async def test_what_is_no_regular_file_is_refused_at_once(
    library: Library, tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    source = tmp_path / "odd"
    make(source)
    with pytest.raises(StoreError, match="odd"):
        await adopt(library, source)


async def test_a_cancelled_import_leaves_nothing(library: Library, tmp_path: Path) -> None:
    source = tmp_path / "m.gguf"
    source.write_bytes(b"x" * 40_000_000)
    with anyio.CancelScope() as scope:
        await adopt(library, source, lambda _: scope.cancel())
    assert scope.cancelled_caught
    assert blob_files(library) == set()
    assert source.stat().st_size == 40_000_000


async def test_a_file_that_changes_while_it_is_hashed(tmp_path: Path) -> None:
    source = tmp_path / "m.gguf"
    source.write_bytes(b"x" * 40_000_000)

    async def hash_growing() -> None:
        async for _ in hash_steps(source):
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(StoreError, match=r"m\.gguf was changed while it was read"):
        await hash_growing()


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_a_full_disk_is_told_in_words_and_leaves_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    library.blobs.put_bytes(b"before")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskFull, match="no space left on the device of the models folder"):
        library.blobs.put_bytes(b"x")
    with pytest.raises(DiskFull):  # noqa: PT012  # leaving the block, too
        async with library.blobs.writer() as writer:
            await writer.write(b"x")
            await writer.commit()
    monkeypatch.undo()
    assert len(blob_files(library)) == 1


def test_a_folder_that_cannot_be_written_is_told_in_words(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system", "/secret/path")

    manifest = put(library, "m", {"system": b"s"})
    look = os.open
    monkeypatch.setattr(
        os, "open", lambda path, flags, *rest: (refuse if flags & os.O_CREAT else look)(path, flags, *rest)
    )
    for call in ("unlink", "rename", "replace", "mkdir", "utime"):
        monkeypatch.setattr(os, call, refuse)  # such a folder refuses to delete even what is not there
    changes = (
        lambda: library.blobs.put_bytes(b"x"),
        lambda: library.commit(name("n"), manifest),
        lambda: library.copy(name("m"), name("n")),
        lambda: library.delete(name("m")),
    )
    for change in changes:
        with pytest.raises(StoreError, match="read-only file system") as caught:
            change()
        assert "/secret" not in caught.value.message


# --- pins ------------------------------------------------------------------------------------------------------------


def test_a_pinned_blob_stays(library: Library) -> None:
    path = library.blobs.path(library.blobs.put_bytes(b"x").digest)
    with Pins() as one, Pins() as two:
        assert one.add(path)
        assert two.add(path)
        assert not remove_unpinned(path)
        one.keep_only(())
        assert not remove_unpinned(path)
    assert remove_unpinned(path)
    assert not path.exists()
    assert not remove_unpinned(path)


def test_what_is_not_there_cannot_be_pinned(library: Library) -> None:
    with Pins() as pins:
        path = library.blobs.path(library.blobs.put_bytes(b"x").digest)
        assert pins.add(path)
        path.unlink()
        assert not pins.add(path)
        assert library.blobs.put_bytes(b"x", pins).is_new


def test_a_file_that_is_being_written_stays(library: Library) -> None:
    from tampu.store.blobs import TemporaryFile

    with TemporaryFile(library.layout) as temporary:
        temporary.write(b"x")
        assert not remove_unpinned(temporary.path)
    assert not temporary.path.exists()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
