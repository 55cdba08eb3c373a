"""Models that failed to start, and for how long their failure stands for an answer. Holds no clock: times come in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.engine.spec import EngineSpec
from tampu.errors import TampuError

FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0

Stamp = tuple[tuple[int, ...] | None, ...]
"""Changes whenever a file of a model does; equal for files that are missing as before."""


def stamp_of(spec: EngineSpec) -> Stamp:
    """The stamp of all files that an engine would load."""
    return tuple(_file_stamp(path) for path in _files(spec))


@dataclass(frozen=True, slots=True)
class _Failure:
    error: TampuError
    stamp: Stamp
    lasts_s: float
    until: float


class CoolDown:
    """After a failed start the same load is not tried for a second, then two, four ... up to a minute.

    That holds for the files as they were: once one is repaired or replaced, the next request tries at once.
    """

    def __init__(self, stamp: Callable[[EngineSpec], Stamp] = stamp_of) -> None:
        self._stamp = stamp
        self._failures: dict[EngineSpec, _Failure] = {}

    def record(self, spec: EngineSpec, error: TampuError, now: float) -> None:
        """A start of `spec` failed with `error`."""
        self._forget_old(now)
        stamp = self._stamp(spec)
        previous = self._failures.get(spec)
        is_same = previous is not None and previous.stamp == stamp
        lasts_s = min(previous.lasts_s * 2, LONGEST_S) if previous and is_same else FIRST_S
        self._failures[spec] = _Failure(error, stamp, lasts_s, now + lasts_s)

    def standing(self, spec: EngineSpec, now: float) -> TampuError | None:
        """The failure that `spec` still answers with; None if a start may be tried."""
        failure = self._failures.get(spec)
        if failure is None or now >= failure.until or failure.stamp != self._stamp(spec):
            return None
        return failure.error

    def clear(self, spec: EngineSpec) -> None:
        """`spec` started."""
        self._failures.pop(spec, None)

    def _forget_old(self, now: float) -> None:
        self._failures = {spec: failure for spec, failure in self._failures.items() if now < failure.until + LONGEST_S}


def _files(spec: EngineSpec) -> Iterator[Path]:
    yield from spec.shard_paths or (spec.model_path,)
    yield from spec.projector_paths
    yield from spec.adapter_paths
    if spec.draft_path:
        yield spec.draft_path


def _file_stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
