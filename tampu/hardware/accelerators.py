"""Which devices other than the processor are here to compute on, by what the system shows of them."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DEVICE_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "NVIDIA GPU": ("dev/nvidia[0-9]*", "dev/dxg"),
    "AMD GPU": ("dev/kfd",),
}
"""Patterns of files that exist where a driver runs, by what they speak of."""


def accelerators(root: Path = Path("/")) -> tuple[str, ...]:
    """Their kinds, in words; a device whose driver does not run is not seen."""
    found = [kind for kind, patterns in _DEVICE_FILES.items() if any(_exists(root, pattern) for pattern in patterns)]
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        found.append("Apple GPU")
    return tuple(found)


def _exists(root: Path, pattern: str) -> bool:
    return any(True for _ in root.glob(pattern))


_APPLE_NAMES: Final = ("Metal", "MTL")
"""How engines begin the names of devices of Apple."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device as an engine tells of it: what the engine calls it, what it is, and its memory."""

    name: str
    description: str
    total_bytes: int
    free_bytes: int


def shares_memory(device: Device) -> bool:
    """Whether its memory is that of the processor, and not some of its own."""
    return device.name.startswith(_APPLE_NAMES)
