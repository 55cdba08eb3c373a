"""The moment of each chunk (`created_at`), cheap enough to be written for every token."""

import time

from tampu.units import NS_PER_S, format_timestamp


class Clock:
    """Writes the current moment as Ollama does. Within one second only the fraction is formatted anew."""

    __slots__ = ("_begin_ns", "_pattern")

    def __init__(self) -> None:
        self._begin_ns, self._pattern = 0, b""

    def now(self) -> bytes:
        """RFC 3339 in UTC with up to nine fractional digits, trailing zeros cut."""
        now_ns = time.time_ns()
        fraction = now_ns - self._begin_ns
        if 0 <= fraction < NS_PER_S and fraction % 10:
            return self._pattern % fraction
        self._begin_ns = now_ns - now_ns % NS_PER_S
        self._pattern = format_timestamp(self._begin_ns).removesuffix("Z").encode() + b".%09dZ"
        return format_timestamp(now_ns).encode()
