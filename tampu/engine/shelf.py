"""The disk tier of the prompt cache: files that hold the state of long prompts, within a number of bytes.

A file is named after what it is good for and what is in it: `FINGERPRINT-CHECKSUM.kv`, so one rename makes it whole,
nothing else has to agree with it, and several servers may share the folder. Its time of change is that of its last
use. All methods read or write the disk: call them in a thread.
"""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.engine.state_file import Tokens, UnknownLayout, common_length, tokens_of

_SUFFIX: Final = ".kv"
_UNFINISHED: Final = ".part"
_UNFINISHED_AGE_S: Final = 3600.0
_SPARE_SHARE: Final = 2
"""Of what is free on the disk, so much at most (one in so many) is ever taken."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The state of one prompt on disk."""

    path: Path
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the shelf, as the choice of what to remove sees it."""

    path: Path
    bytes: int
    used_s: float


def fingerprint_of(parts: Iterable[object]) -> str:
    """A name for all that must be the same for a state to be valid."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def best_of(kept: Sequence[Kept], prompt: Tokens, held: Sequence[Tokens], *, least: int) -> Kept | None:
    """What saves most of reading `prompt`, if it saves `least` tokens more than what the engine already holds."""
    known = max((common_length(prompt, tokens) for tokens in held), default=0)
    best = max(kept, key=lambda item: common_length(prompt, item.tokens), default=None)
    return best if best and common_length(prompt, best.tokens) >= known + least else None


def surplus(files: Iterable[KeptFile], budget_bytes: int) -> list[KeptFile]:
    """What has to go, least recently used first, so that the rest is within `budget_bytes`."""
    oldest_first = sorted(files, key=lambda file: file.used_s)
    excess, gone = sum(file.bytes for file in oldest_first) - budget_bytes, list[KeptFile]()
    for file in oldest_first:
        if excess <= 0:
            break
        gone.append(file)
        excess -= file.bytes
    return gone


class Shelf:
    """The files of one folder. Each method leaves it whole; what is broken on it is removed when it is met."""

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        self.folder, self._budget_bytes = folder, budget_bytes

    def prepare(self) -> None:
        """Make the folder, for nobody else to enter, and remove what was never finished; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        before = time.time() - _UNFINISHED_AGE_S
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def kept(self, fingerprint: str) -> list[Kept]:
        """What is there for this fingerprint; files that are none are removed."""
        found = []
        for path in sorted(self.folder.glob(f"{fingerprint}-*{_SUFFIX}")):
            try:
                found.append(Kept(path, tokens_of(path)))
            except (UnknownLayout, OSError):
                self.remove(path)
        return found

    def new_name(self) -> str:
        """A name for the engine to write to."""
        return f"{secrets.token_hex(8)}{_UNFINISHED}"

    def add(self, name: str, fingerprint: str, kept: Sequence[Kept]) -> tuple[list[Kept], Tokens]:
        """Take in what was written to `name`, unless one of `kept` has all of it; raises OSError, UnknownLayout.

        Those of `kept` that it has all of go, and the least recently used where the shelf is too full. Returns what is
        kept now, and the tokens of what was written.
        """
        written = self.folder / name
        try:
            tokens = tokens_of(written)
            if any(common_length(tokens, other.tokens) == len(tokens) for other in kept):
                return [*kept], tokens
            path = self.folder / f"{fingerprint}-{_checksum(written)}{_SUFFIX}"
            written.chmod(0o600)
            written.replace(path)
        finally:
            self.remove(written)
        for other in kept:
            if common_length(tokens, other.tokens) == len(other.tokens):
                self.remove(other.path)
        self._make_room()
        return [other for other in (*kept, Kept(path, tokens)) if other.path.exists()], tokens

    def is_sound(self, kept: Kept) -> bool:
        """Whether the file still holds what it held when it was added; notes that it is used."""
        try:
            is_same = kept.path.stem.endswith(_checksum(kept.path)) and tokens_of(kept.path) == kept.tokens
            if is_same:
                os.utime(kept.path)
        except (UnknownLayout, OSError):
            return False
        return is_same

    def remove(self, path: Path) -> None:
        """Remove a file, should it be there."""
        with suppress(OSError):
            path.unlink()

    def files(self) -> list[KeptFile]:
        """All of the shelf, whatever it is good for."""
        return list(self._files())

    def _files(self) -> Iterator[KeptFile]:
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                status = path.stat()
                yield KeptFile(path, status.st_size, status.st_mtime)

    def _make_room(self) -> None:
        files = self.files()
        taken = sum(file.bytes for file in files)
        with suppress(OSError):
            spare = (shutil.disk_usage(self.folder).free + taken) // _SPARE_SHARE
            for file in surplus(files, min(self._budget_bytes, spare)):
                self.remove(file.path)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
