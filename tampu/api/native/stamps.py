"""The moment of each chunk (`created_at`), cheap enough to be written for every token."""

import time

from tampu.units import NS_PER_S, format_timestamp


class Clock:
    """Writes the current moment as Ollama does. Within one second only the fraction is formatted anew."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second, self._prefix = -1, ""

    def now(self) -> bytes:
        """RFC 3339 in UTC with up to nine fractional digits, trailing zeros cut."""
        second, fraction = divmod(time.time_ns(), NS_PER_S)
        if second != self._second:
            self._second, self._prefix = second, format_timestamp(second * NS_PER_S).removesuffix("Z")
        digits = f".{fraction:09d}".rstrip("0") if fraction else ""
        return f"{self._prefix}{digits}Z".encode()
