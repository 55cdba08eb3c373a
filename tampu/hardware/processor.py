"""What the processor is called and which instructions it has: by this a build for another one is told apart."""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.hardware.control_groups import lines_of

_NAME_KEYS: Final = ("model name", "Hardware", "uarch", "cpu model")
_FEATURE_KEYS: Final = ("flags", "Features", "isa")


@dataclass(frozen=True, slots=True)
class Processor:
    """Its name, and all features that the system tells of; none where it tells nothing."""

    name: str
    features: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        """Equal for processors that run the same builds."""
        told = "\0".join([platform.machine(), self.name, *sorted(self.features)])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def processor(root: Path = Path("/")) -> Processor:
    """The processor of this machine."""
    table: dict[str, str] = {}
    for line in lines_of(root / "proc/cpuinfo"):
        key, _, value = line.partition(":")
        table.setdefault(key.strip(), value.strip())
    name = next((table[key] for key in _NAME_KEYS if table.get(key)), "") or platform.processor() or platform.machine()
    features = next((table[key] for key in _FEATURE_KEYS if table.get(key)), "")
    return Processor(name, frozenset(features.split()))
