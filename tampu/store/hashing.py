"""Reading a file of any size in threads to know its digest, step by step so that its reader may stop or tell."""

import hashlib
import os
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.errors import StoreError
from tampu.store.clone import open_regular
from tampu.store.faults import store_faults

_STEP_S: Final = 0.05
"""How long a thread reads before it tells: whoever wants it to stop waits as long, be the disk fast or slow."""
_READ_SIZE: Final = 256 << 10
"""Small enough that what is read is still in the cache of the processor that hashes it."""


@dataclass(frozen=True, slots=True)
class HashStep:
    """How much of a file is read. `digest` is "" until the last step."""

    done: int
    total: int
    digest: str = ""


async def hash_steps(path: Path) -> AsyncGenerator[HashStep, None]:
    """Hash a file; raises StoreError if it cannot be read, is no file, or changes meanwhile."""
    with store_faults(f"reading {path.name}"), os.fdopen(open_regular(path), "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        state, done = hashlib.sha256(), 0
        # A file that grows as fast as it is read must not be read for ever.
        while done <= before.st_size and (count := await to_thread.run_sync(_hash_some, file, state)):
            done += count
            yield HashStep(done, before.st_size)
        after = os.fstat(file.fileno())
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size) or done != before.st_size:
        raise StoreError(f"{path.name} was changed while it was read; try again when nothing writes to it")
    yield HashStep(done, done, f"sha256:{state.hexdigest()}")


def _hash_some(file: FileIO, state: "hashlib._Hash") -> int:
    """Hash for a while; how many bytes, 0 at the end."""
    buffer, done, until = memoryview(bytearray(_READ_SIZE)), 0, time.monotonic() + _STEP_S
    while count := file.readinto(buffer):
        state.update(buffer[:count])
        done += count
        if time.monotonic() >= until:
            break
    return done
