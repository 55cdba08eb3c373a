"""What nothing uses: found by kind, told by what it frees, left alone while a job relies on it."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from tampu.errors import CorruptManifest
from tampu.store.leftovers import remove_leftover
from tampu.store.library import Library
from tampu.store.locks import Pins
from tampu.store.purge import find_unused, remove_unused
from tampu.upkeep import Leftover, LeftoverKind
from tests.store.stored import blob_files, damage_in, library_in, name, put

PARTIAL = f"sha256-{'a' * 64}-partial"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = library_in(tmp_path / "models")
    library.layout.blobs.mkdir(parents=True)
    return library


def lay(library: Library, file: str, content: bytes = b"x", *, age_s: float = 7200.0) -> Path:
    path = library.layout.blobs / file
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def kinds(found: list[Leftover]) -> dict[str, LeftoverKind]:
    return {leftover.name: leftover.kind for leftover in found}


def test_each_kind_and_nothing_that_is_used(library: Library) -> None:
    put(library, "m", {"system": b"s"})
    unused = library.blobs.put_bytes(b"unused")
    lay(library, "sha256-123456")
    lay(library, PARTIAL)
    blob = library.blobs.path(unused.digest).name
    found = find_unused(library)
    assert kinds(found) == {
        blob: LeftoverKind.BLOB,
        "sha256-123456": LeftoverKind.TEMPORARY,
        PARTIAL: LeftoverKind.PARTIAL,
    }
    assert [leftover.bytes for leftover in found if leftover.name == blob] == [6]
    assert remove_unused(library, found) == found
    assert find_unused(library) == []
    assert damage_in(library.layout.root) == []
    assert len(blob_files(library)) == 2


def test_downloads_and_temporary_files_that_are_young_stay(library: Library) -> None:
    lay(library, "sha256-123456", age_s=60.0)
    lay(library, PARTIAL)
    lay(library, f"{PARTIAL}-0")
    lay(library, f"{PARTIAL}-1", age_s=60.0)  # one part is still moving
    assert find_unused(library) == []


def test_a_download_goes_with_the_states_of_its_parts(library: Library) -> None:
    for file in (PARTIAL, f"{PARTIAL}-0", f"{PARTIAL}-15"):
        lay(library, file)
    (found,) = find_unused(library)
    assert found.name == PARTIAL
    remove_unused(library, [found])
    assert blob_files(library) == set()


def test_states_without_their_download_go(library: Library) -> None:
    lay(library, f"{PARTIAL}-3")
    assert remove_unused(library, find_unused(library)) == [Leftover(PARTIAL, LeftoverKind.PARTIAL, 1)]
    assert blob_files(library) == set()


def test_states_of_a_download_that_runs_stay_however_old_they_are(library: Library) -> None:
    path = lay(library, PARTIAL)
    lay(library, f"{PARTIAL}-0")
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert find_unused(library) == []
        assert not remove_leftover(library, Leftover(PARTIAL, LeftoverKind.PARTIAL, 0))
    assert blob_files(library) == {PARTIAL, f"{PARTIAL}-0"}
    assert len(find_unused(library)) == 1


def test_folders_that_a_killed_pull_left_behind(library: Library) -> None:
    work, foreign = library.layout.blobs / "pip-ab12", library.layout.blobs / "mine"
    for folder in (work, foreign):
        (folder / "wheels").mkdir(parents=True)
        (folder / "wheels" / "m.whl").write_bytes(bytes(5000))
    for path in (work, work / "wheels", work / "wheels" / "m.whl"):
        os.utime(path, (1, 1))
    (found,) = find_unused(library)
    assert (found.name, found.kind, found.bytes >= 5000) == ("pip-ab12", LeftoverKind.TEMPORARY, True)
    (work / "wheels" / "new.whl").write_bytes(b"")  # it is used after all
    assert find_unused(library) == []
    assert remove_unused(library, [found]) == [found]
    assert blob_files(library) == {"mine"}


def test_holes_and_shared_bytes_free_nothing(library: Library, tmp_path: Path) -> None:
    with lay(library, PARTIAL).open("r+b") as file:
        file.truncate(1 << 30)
    lay(library, PARTIAL, age_s=0)
    with (library.layout.blobs / PARTIAL).open("wb") as file:
        file.truncate(1 << 30)
    os.utime(library.layout.blobs / PARTIAL, (1, 1))
    stored = library.blobs.put_bytes(b"also a file of the user")
    os.link(library.blobs.path(stored.digest), tmp_path / "mine.gguf")
    assert sum(leftover.bytes for leftover in find_unused(library)) < 1 << 20
    assert not any(leftover.bytes for leftover in find_unused(library) if leftover.kind is LeftoverKind.BLOB)


def test_what_jobs_and_clients_rely_on_stays(library: Library) -> None:
    pinned, held = (library.blobs.put_bytes(content).digest for content in (b"pinned", b"held"))
    before = find_unused(library)
    with Pins() as pins:
        pins.add(library.blobs.path(pinned))
        library.holds.add(held, library.blobs.path(held))
        assert find_unused(library) == []
        assert remove_unused(library, before) == []  # they were free when they were found
    assert len(find_unused(library)) == 1
    library.holds.release([held])
    assert len(remove_unused(library, before)) == 2


def test_what_a_model_uses_since_it_was_found_stays(library: Library) -> None:
    library.blobs.put_bytes(b"s")
    found = find_unused(library)
    put(library, "m", {"system": b"s"})
    assert remove_unused(library, found) == []
    assert damage_in(library.layout.root) == []


def test_a_damaged_manifest_stops_everything(library: Library) -> None:
    library.blobs.put_bytes(b"unused")
    found = find_unused(library)
    path = library.layout.manifest(name("broken"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    with pytest.raises(CorruptManifest, match="broken"):
        find_unused(library)
    with pytest.raises(CorruptManifest, match="broken"):
        remove_unused(library, found)


def test_an_empty_place(tmp_path: Path) -> None:
    assert find_unused(library_in(tmp_path / "new")) == []
