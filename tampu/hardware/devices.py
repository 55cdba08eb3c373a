"""How many threads are worth computing on: physical cores, within the affinity and the control group's quota."""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from tampu.hardware.control_groups import control_groups, words_of


def compute_threads(root: Path = Path("/"), *, allowed: frozenset[int] | None = None) -> int:
    """Physical cores that this process may run on, bounded by its control group's quota; at least one.

    A second thread on a core adds nothing to matrix products, and a thread beyond the quota only gets throttled.
    `allowed`: logical processors to count instead of this process's affinity.
    """
    allowed = allowed_processors() if allowed is None else allowed
    cores = physical_cores(root, allowed)
    quota = quota_cores(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def allowed_processors() -> frozenset[int]:
    """The logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def physical_cores(root: Path, allowed: Iterable[int]) -> int:
    """Distinct cores among `allowed`; processors whose topology is unknown count as a core each."""
    allowed = frozenset(allowed)
    topology = root / "sys/devices/system/cpu"
    cores = {_core(topology / f"cpu{number}" / "topology", number) for number in allowed}
    if any(core[0] != "unknown" for core in cores):
        return len(cores)
    return min(psutil.cpu_count(logical=False) or len(allowed), len(allowed))


def quota_cores(root: Path) -> float | None:
    """Processor time that the control groups allow, in cores; None for no limit."""
    quotas = [quota for folder in control_groups(root, "cpu") if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _core(topology: Path, number: int) -> tuple[str, str]:
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
