"""Models that failed to start, and for how long their failure stands for an answer. Holds no clock: times come in."""

from dataclasses import dataclass
from typing import Final

from tampu.engine.spec import EngineSpec
from tampu.errors import TampuError

FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Failure:
    error: TampuError
    lasts_s: float
    until: float


class CoolDown:
    """After a failed start the same load is not tried for a second, then two, four ... up to a minute."""

    def __init__(self) -> None:
        self._failures: dict[EngineSpec, _Failure] = {}

    def record(self, spec: EngineSpec, error: TampuError, now: float) -> None:
        """A start of `spec` failed with `error`."""
        self._forget_old(now)
        previous = self._failures.get(spec)
        lasts_s = min(previous.lasts_s * 2, LONGEST_S) if previous else FIRST_S
        self._failures[spec] = _Failure(error, lasts_s, now + lasts_s)

    def standing(self, spec: EngineSpec, now: float) -> TampuError | None:
        """The failure that `spec` still answers with; None if a start may be tried."""
        failure = self._failures.get(spec)
        return failure.error if failure and now < failure.until else None

    def clear(self, spec: EngineSpec) -> None:
        """`spec` started."""
        self._failures.pop(spec, None)

    def _forget_old(self, now: float) -> None:
        self._failures = {spec: failure for spec, failure in self._failures.items() if now < failure.until + LONGEST_S}
