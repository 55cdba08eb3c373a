"""How many bytes of memory this process may still take: the host's, bounded by the control groups it runs in.

Reads the files of `/proc` and `/sys/fs/cgroup` below a root that tests replace; where they do not exist (no Linux),
psutil answers.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from tampu.hardware.control_groups import control_groups, number_of, table_of

_UNLIMITED_BYTES = 1 << 60
"""Version 1 writes 'no limit' as the largest number of pages; nothing real is near it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that exist, and bytes that can be taken without pushing anybody out."""

    total_bytes: int
    available_bytes: int

    def within(self, limit: "Memory") -> "Memory":
        """What is left of it where `limit` holds besides."""
        return Memory(
            min(self.total_bytes, limit.total_bytes),
            max(0, min(self.available_bytes, limit.available_bytes)),
        )


def available_memory(root: Path = Path("/")) -> Memory:
    """The host's memory within every control group limit that binds this process."""
    memory = _host_memory(root)
    for limit in _group_limits(root):
        memory = memory.within(limit)
    return memory


def out_of_memory_kills(root: Path = Path("/")) -> int:
    """How often the kernel killed for want of memory in this process's control group; only differences say much."""
    for folder in control_groups(root, "memory"):
        for name in ("memory.events", "memory.oom_control"):
            kills = table_of(folder / name).get("oom_kill")
            if kills is not None:
                return kills
    return table_of(root / "proc/vmstat").get("oom_kill", 0)


def _host_memory(root: Path) -> Memory:
    table = table_of(root / "proc/meminfo")
    total_kib, available_kib = table.get("MemTotal"), table.get("MemAvailable", table.get("MemFree"))
    if total_kib is None or available_kib is None:
        measured = psutil.virtual_memory()
        return Memory(measured.total, measured.available)
    return Memory(total_kib * 1024, available_kib * 1024)


def _group_limits(root: Path) -> list[Memory]:
    """The limits of this process's group and of every group above it: each of them binds."""
    limits = (_group_limit(folder) for folder in control_groups(root, "memory"))
    return [limit for limit in limits if limit is not None]


def _group_limit(folder: Path) -> Memory | None:
    bounds = [number_of(folder / name) for name in ("memory.max", "memory.high", "memory.limit_in_bytes")]
    limit = min((bound for bound in bounds if bound is not None and bound < _UNLIMITED_BYTES), default=None)
    if limit is None:
        return None
    used = number_of(folder / "memory.current")
    if used is None:
        used = number_of(folder / "memory.usage_in_bytes") or 0
    # Cached file pages count as used but are given back on demand; a mapped model is mostly such pages.
    statistics = table_of(folder / "memory.stat")
    idle_cache = statistics.get("total_inactive_file", statistics.get("inactive_file", 0))
    return Memory(limit, limit - max(0, used - idle_cache))
