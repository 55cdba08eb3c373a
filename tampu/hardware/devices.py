"""How many threads are worth computing on: physical cores, within the affinity and the control group's quota."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from tampu.hardware.control_groups import control_groups, number_of, words_of

_FAST_SHARE: Final = 0.5
"""Of the speed of the fastest core, as the system rates them, what a core must have to be worth waiting for."""


def compute_threads(root: Path = Path("/"), *, allowed: frozenset[int] | None = None) -> int:
    """Fast physical cores that this process may run on, bounded by its control group's quota; at least one.

    A second thread on a core adds nothing to matrix products, a thread beyond the quota only gets throttled, and for
    one on a slow core all others wait at every step. `allowed`: logical processors to count instead of this process's
    affinity.
    """
    allowed = allowed_processors() if allowed is None else allowed
    cores = physical_cores(root, fast_processors(root, allowed))
    quota = quota_cores(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def allowed_processors() -> frozenset[int]:
    """The logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def fast_processors(root: Path, allowed: frozenset[int]) -> frozenset[int]:
    """Those of `allowed` on the fast cores of a processor that has two kinds; all where it has one, or none is left."""
    fast = _listed(root / "sys/devices/cpu_core/cpus")
    if not fast:
        capacities = {number: number_of(_processor(root, number) / "cpu_capacity") or 0 for number in allowed}
        enough = max(capacities.values(), default=0) * _FAST_SHARE
        fast = frozenset(number for number, capacity in capacities.items() if capacity >= enough)
    return allowed & fast or allowed


def _listed(path: Path) -> frozenset[int]:
    """The numbers of a file like `0-3,8`; none where there is no such file."""
    numbers: set[int] = set()
    for part in "".join(words_of(path)).split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def physical_cores(root: Path, allowed: Iterable[int]) -> int:
    """Distinct cores among `allowed`; processors whose topology is unknown count as a core each."""
    allowed = frozenset(allowed)
    cores = {_core(_processor(root, number) / "topology", number) for number in allowed}
    if any(core[0] != "unknown" for core in cores):
        return len(cores)
    return min(psutil.cpu_count(logical=False) or len(allowed), len(allowed))


def quota_cores(root: Path) -> float | None:
    """Processor time that the control groups allow, in cores; None for no limit."""
    quotas = [quota for folder in control_groups(root, "cpu") if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _processor(root: Path, number: int) -> Path:
    return root / f"sys/devices/system/cpu/cpu{number}"


def _core(topology: Path, number: int) -> tuple[str, str]:
    """Equal for the threads of one core: which threads it has or, where that is not told, its numbers.

    The numbers of cores may begin anew on each die of a package.
    """
    if threads := words_of(topology / "thread_siblings_list"):
        return "threads", threads[0]
    try:
        return (topology / "physical_package_id").read_text().strip(), (topology / "core_id").read_text().strip()
    except OSError:
        return "unknown", str(number)


def _quota(folder: Path) -> float | None:
    quota, period = [*words_of(folder / "cpu.max"), "", ""][:2]
    if not period:
        quota = " ".join(words_of(folder / "cpu.cfs_quota_us"))
        period = " ".join(words_of(folder / "cpu.cfs_period_us"))
    # `max` and -1 mean no limit.
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None
