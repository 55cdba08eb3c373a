"""The files that a Modelfile names: found on disk, hashed, and under the names that the server is told."""

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelfile
from tampu.modelfile.document import Modelfile
from tampu.modelfile.files import files_of, locate, resolve, resolve_all

HASHING_THREADS: Final = 4
BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Components:
    """What a model is made of. `files`, `adapters`, `drafts`: name -> digest; `blobs`: digest -> the file."""

    base: str = ""
    files: dict[str, str] = field(default_factory=dict)
    adapters: dict[str, str] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, Path] = field(default_factory=dict)


def gather(modelfile: Modelfile, folder: Path) -> Components:
    """Find and hash every file; paths start from `folder`. Raises InvalidModelfile for one that is not there."""
    if not modelfile.bases:
        raise InvalidModelfile("no FROM line")
    base, weights = "", []
    for argument in modelfile.bases:
        paths = resolve_all(argument, folder)
        if not paths:
            base = argument
        for path in paths:
            weights.extend(files_of(path))
    adapters = _existing(modelfile.adapters, folder)
    drafts = _existing(modelfile.drafts, folder)
    _check_apart(modelfile, folder)
    digests = hash_files({*weights, *adapters, *drafts})
    return Components(
        base=base,
        files=_named(weights, digests),
        adapters=_named(adapters, digests),
        drafts=_named(drafts, digests),
        blobs={digests[path]: path for path in (*weights, *adapters, *drafts)},
    )


def _existing(arguments: Sequence[str], folder: Path) -> list[Path]:
    found = []
    for argument in arguments:
        path = resolve(argument, folder)
        if path is None:
            raise InvalidModelfile(f"stat {locate(argument, folder)}: no such file or directory")
        found.extend(files_of(path))
    return found


def _check_apart(modelfile: Modelfile, folder: Path) -> None:
    sources = {path.resolve() for argument in modelfile.bases for path in resolve_all(argument, folder)}
    for argument in modelfile.drafts:
        path = resolve(argument, folder)
        if path is not None and path.resolve() in sources:
            raise InvalidModelfile(f"DRAFT must not reference the same local path as FROM: {argument}")


def _named(files: Sequence[Path], digests: dict[Path, str]) -> dict[str, str]:
    """Names below the deepest folder that holds all files, with forward slashes."""
    if not files:
        return {}
    top = Path(os.path.commonpath([path.parent for path in files]))
    return {path.relative_to(top).as_posix(): digests[path] for path in files}


def hash_files(files: set[Path]) -> dict[Path, str]:
    """The digest of each file. Hashing leaves the interpreter's lock, so several run at once."""
    ordered = sorted(files)
    is_over = threading.Event()
    with ThreadPoolExecutor(max_workers=HASHING_THREADS) as pool:
        try:
            return dict(zip(ordered, pool.map(partial(_digest, is_over=is_over), ordered), strict=True))
        finally:
            # Ctrl-C must not wait until the last gigabyte is read.
            is_over.set()


def _digest(path: Path, *, is_over: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while not is_over.is_set() and (block := file.read(BLOCK_BYTES)):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"
