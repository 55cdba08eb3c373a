"""The order in which bytes and names become durable, so that a power cut at any moment leaves a whole store.

Only what was synced is sure to be there afterwards, and a name may be there without the bytes behind it. Hence:
1. A file gets its final name only after its bytes were synced.
2. A manifest gets its name only after the names of the blobs that it uses were synced.
3. A blob is deleted only after the change of the manifest that used it was synced.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tampu.store.library import Library
from tests.store.stored import library_in, name, put

TEXTS = {"model": b"weights", "system": b"one"}


class Journal:
    """Watches the calls that change a folder, and notes each one that comes before its time."""

    def __init__(self, library: Library) -> None:
        self.layout = library.layout
        self.unsynced_bytes: set[str] = set()
        self.unsynced_names: set[str] = set()
        self.handles: dict[int, str] = {}
        self.early: list[str] = []
        self.seen: list[str] = []

    @contextmanager
    def watching(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with monkeypatch.context() as patch:
            for call in ("open", "write", "fsync", "replace", "unlink", "close"):
                patch.setattr(os, call, self._noting(call, getattr(os, call)))
            yield

    def _noting(self, call: str, original: Callable[..., Any]) -> Callable[..., Any]:
        note: Any = getattr(self, f"_{call}", None)

        def noting(*arguments: Any, **named: Any) -> Any:
            note(*arguments)
            return original(*arguments, **named)

        def noting_handle(path: Any, *arguments: Any, **named: Any) -> int:
            handle: int = original(path, *arguments, **named)
            self.handles[handle] = str(path)
            return handle

        return noting_handle if call == "open" else noting

    def _close(self, handle: int) -> None:
        self.handles.pop(handle, None)

    def _write(self, handle: int, *_: object) -> None:
        self.unsynced_bytes.add(self.handles[handle])

    def _fsync(self, handle: int) -> None:
        path = self.handles[handle]
        self.unsynced_bytes.discard(path)
        self.unsynced_names = {each for each in self.unsynced_names if str(Path(each).parent) != path}

    def _replace(self, source: Any, target: Any) -> None:
        if str(source) in self.unsynced_bytes:
            self.early.append(f"{Path(target).name} is named before its bytes are durable")  # 1
        if self._is_manifest(str(target)) and any(map(self._is_blob, self.unsynced_names)):
            self.early.append("a manifest is named before its blobs are")  # 2
        self.unsynced_names.add(str(target))
        self.seen.append("manifest" if self._is_manifest(str(target)) else "blob")

    def _unlink(self, path: Any) -> None:
        if self._is_blob(str(path)) and Path(path).exists():
            if any(map(self._is_manifest, self.unsynced_names)):
                self.early.append("a blob goes before its manifest does")  # 3
            self.seen.append("deletion")
        self.unsynced_names.add(str(path))

    def _is_manifest(self, path: str) -> bool:
        return path.startswith(f"{self.layout.manifests}/")

    def _is_blob(self, path: str) -> bool:
        return path.startswith(f"{self.layout.blobs}/sha256-") and len(Path(path).name) == len("sha256-") + 64


CHANGES: dict[str, tuple[Callable[[Library], object], list[str]]] = {
    "create": (lambda library: put(library, "new", {"system": b"new"}), ["blob", "manifest"]),
    "create over": (
        lambda library: put(library, "m", {"system": b"two"}),
        ["blob", "manifest", "deletion", "deletion"],
    ),
    "copy over": (lambda library: library.copy(name("other"), name("m")), ["manifest", "deletion", "deletion"]),
    "delete": (lambda library: library.delete(name("m")), ["deletion", "deletion"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_done_before_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    library = library_in(tmp_path)
    put(library, "m", TEXTS)
    put(library, "other", {"license": b"l"})
    journal = Journal(library)
    with journal.watching(monkeypatch):
        CHANGES[change][0](library)
    assert journal.early == []
    assert journal.seen == CHANGES[change][1]


def test_the_journal_sees_what_comes_too_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = library_in(tmp_path)
    put(library, "m", TEXTS)
    journal = Journal(library)
    monkeypatch.setattr("tampu.store.manifests.sync_folder", lambda _: None)
    monkeypatch.setattr("tampu.store.blobs.sync_folder", lambda _: None)
    with journal.watching(monkeypatch):
        put(library, "m", {"system": b"two"})
    assert journal.early == ["a manifest is named before its blobs are", *["a blob goes before its manifest does"] * 2]
