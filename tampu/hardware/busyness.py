"""How much of the processors other programs take: all that was spent on this machine, less what was ours."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

_IDLE: Final = frozenset({"idle", "iowait", "guest", "guest_nice"})
"""What is no work, or is counted as a user's besides."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds up to a moment `at_s`: of all processors in all programs, and in those that are ours."""

    at_s: float
    all_s: float
    own_s: float


def spent(own: Iterable[int]) -> Spent:
    """What was spent until now; `own`: the processes that are ours, of which this one is one."""
    times = psutil.cpu_times()._asdict()
    everything = sum(seconds for name, seconds in times.items() if name not in _IDLE)
    return Spent(time.monotonic(), everything, sum(_seconds(pid) for pid in {os.getpid(), *own}))


def share_of_others(before: Spent, after: Spent, processors: int) -> float:
    """What others took between two moments, of all that the machine's processors could do then. Pure."""
    possible = (after.at_s - before.at_s) * processors
    others = (after.all_s - before.all_s) - (after.own_s - before.own_s)
    return max(0.0, others / possible) if possible > 0 else 0.0


def _seconds(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0
