"""Whether what is about to be fetched fits on the disk, asked before the first byte."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tampu.errors import DiskFull
from tampu.registry.partial import read_states
from tampu.store.blobs import BlobStore
from tampu.store.faults import store_faults
from tampu.store.model import Layer

_SPARE_BYTES: Final = 16 << 20
"""Left free on the device: the manifest and other programs need room, too."""


def missing_bytes(blobs: BlobStore, layers: Iterable[Layer]) -> int:
    """How much of these layers has still to be fetched, what earlier attempts left counted in."""
    return sum(
        _missing(blobs.path(digest), size) for digest, size in {each.digest: each.size for each in layers}.items()
    )


def _missing(target: Path, size: int) -> int:
    try:
        if target.stat().st_size == size:
            return 0
    except OSError:
        pass
    return max(0, size - read_states(target).completed)


def check_room(folder: Path, needed: int) -> None:
    """Raise DiskFull if `needed` more bytes do not fit on the device of `folder`, which is made if need be."""
    with store_faults("downloading a model"):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if needed > 0 and needed + _SPARE_BYTES > free:
        raise DiskFull(
            f"no space left on the device of the models folder: {needed / 1e9:.1f} GB needed, "
            f"{free / 1e9:.1f} GB free; remove models or set OLLAMA_MODELS to another one, then pull again to go on"
        )
