"""A request's coming: when, and from whom."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """`at_ns`: on the clock of time.perf_counter_ns(). `client` tells askers apart for fairness; it proves nothing.

    `request_id`: what the log and the queue call the request.
    """

    at_ns: int
    client: str = ""
    request_id: str = ""

    def elapsed_ns(self) -> int:
        """Nanoseconds since then."""
        return time.perf_counter_ns() - self.at_ns
