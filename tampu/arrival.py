"""A request's coming: when, and from whom."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """`at_ns`: on the clock of time.perf_counter_ns(). `client` tells askers apart for fairness; it proves nothing."""

    at_ns: int
    client: str = ""

    def elapsed_ns(self) -> int:
        """Nanoseconds since then."""
        return time.perf_counter_ns() - self.at_ns
