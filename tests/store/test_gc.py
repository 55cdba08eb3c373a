import os
import time
from pathlib import Path
from typing import Any

import pytest

from tampu.errors import StoreError
from tampu.store.gc import LEFTOVER_AGE_S, PARTIAL_AGE_S, open_folder, prune
from tampu.store.library import Library
from tampu.store.locks import Pins
from tests.recordings import recording
from tests.store.stored import blob_files, damage_in, library_in, name, put

CASES = {case["name"]: case for case in recording("store/disk.json")["cases"] if case["name"].startswith("start:")}
HOUR_OLD = 3700.0


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_in(tmp_path)


def lay(folder: Path, case: dict[str, Any]) -> None:
    """Make the folder as it was before the start: contents from the tree after it, where they still are."""
    texts = {entry["path"]: entry.get("text", "") for other in CASES.values() for entry in other["tree"]}
    for path in case["before"]:
        target = folder / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        odd_places = ("broken", "stray", "/z", ".hidden", "bad name")
        text = texts.get(path, texts.get(path.replace("sha256:", "sha256-"), ""))
        if any(word in path for word in odd_places):
            text = next(entry.get("text", "") for entry in case["tree"] if entry["path"] == path)
        target.write_text(text)
        if "older" in case["name"]:
            long_ago = time.time() - HOUR_OLD
            os.utime(target, (long_ago, long_ago))


@pytest.mark.recorded("store/disk")
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_recorded_starts(library: Library, case: dict[str, Any]) -> None:
    folder = library.layout.root
    lay(folder, case)
    open_folder(library, prune_leftovers="OLLAMA_NOPRUNE" not in case.get("env", {}))
    wanted = {entry["path"] for entry in case["tree"]}
    if "older" in case["name"]:
        # A difference on purpose: unfinished downloads are kept for days, not for an hour.
        wanted |= {path for path in case["before"] if "-partial" in path}
    found = {f"{path.relative_to(folder)}{'/' if path.is_dir() else ''}" for path in folder.rglob("*")}
    assert found == wanted


def test_the_folder_is_made(tmp_path: Path) -> None:
    library = library_in(tmp_path / "new" / "models")
    open_folder(library, prune_leftovers=True)
    assert library.layout.blobs.is_dir()
    assert library.layout.manifests.is_dir()


def test_a_place_that_is_no_folder_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"")
    with pytest.raises(StoreError, match=r"^mkdir .*/models: not a directory: ensure path elements are traversable$"):
        open_folder(library_in(tmp_path / "models"), prune_leftovers=True)


def test_a_folder_that_cannot_be_made_is_the_one_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"^mkdir .*/file: not a directory: "):
        open_folder(library_in(tmp_path / "file" / "x" / "models"), prune_leftovers=True)
    with pytest.raises(StoreError, match=r"^mkdir /proc/nowhere: no such file or directory: "):
        open_folder(library_in(Path("/proc/nowhere/x/models")), prune_leftovers=True)


def test_nothing_that_is_used_goes(library: Library) -> None:
    put(library, "m", {"system": b"s", "license": b"l"})
    pruned = prune(library, now=time.time() + 10 * PARTIAL_AGE_S)
    assert pruned.files == 0
    assert damage_in(library.layout.root) == []


def test_what_is_pinned_or_in_the_making_stays(library: Library) -> None:
    stored = library.blobs.put_bytes(b"about to be used")
    later = time.time() + 2 * LEFTOVER_AGE_S
    with Pins() as pins:
        pins.add(library.blobs.path(stored.digest))
        assert prune(library, now=later).files == 0
    pruned = prune(library, now=later)
    assert (pruned.files, pruned.bytes) == (1, stored.size)


@pytest.mark.parametrize(("age_s", "stays"), [(0.0, True), (HOUR_OLD, True), (PARTIAL_AGE_S + 10, False)])
def test_partial_downloads_stay_for_days(library: Library, age_s: float, stays: bool) -> None:
    library.layout.blobs.mkdir(parents=True)
    for file in (f"sha256-{'a' * 64}-partial", f"sha256-{'a' * 64}-partial-3"):
        (library.layout.blobs / file).write_bytes(b"x")
    prune(library, now=time.time() + age_s)
    assert len(blob_files(library)) == (2 if stays else 0)


def test_an_unreadable_manifest_stops_pruning(library: Library) -> None:
    library.blobs.put_bytes(b"unused")
    path = library.layout.manifest(name("broken"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{nonsense")
    pruned = prune(library, now=time.time() + 2 * LEFTOVER_AGE_S)
    assert pruned.files == 0
    assert "broken" in pruned.skipped
