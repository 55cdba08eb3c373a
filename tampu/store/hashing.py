"""Reading a file of any size in threads to know its digest, step by step so that its reader may stop or tell."""

import hashlib
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.errors import StoreError
from tampu.store.clone import open_regular
from tampu.store.faults import store_faults

_STEP_SIZE: Final = 16 << 20
_READ_SIZE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class HashStep:
    """How much of a file is read. `digest` is "" until the last step."""

    done: int
    total: int
    digest: str = ""


async def hash_steps(path: Path) -> AsyncGenerator[HashStep, None]:
    """Hash a file; raises StoreError if it cannot be read, is no file, or changes meanwhile."""
    with store_faults(f"reading {path.name}"):
        handle = open_regular(path)
        try:
            before = os.fstat(handle)
            state, done = hashlib.sha256(), 0
            # A file that grows as fast as it is read must not be read for ever.
            while done <= before.st_size and (count := await to_thread.run_sync(_hash_some, handle, state)):
                done += count
                yield HashStep(done, before.st_size)
            after = os.fstat(handle)
        finally:
            os.close(handle)
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size) or done != before.st_size:
        raise StoreError(f"{path.name} was changed while it was read; try again when nothing writes to it")
    yield HashStep(done, done, f"sha256:{state.hexdigest()}")


def _hash_some(handle: int, state: "hashlib._Hash") -> int:
    """Hash the next piece; its length, 0 at the end."""
    done = 0
    while done < _STEP_SIZE and (piece := os.read(handle, _READ_SIZE)):
        state.update(piece)
        done += len(piece)
    return done
