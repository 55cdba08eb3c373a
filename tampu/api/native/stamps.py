"""The moment of each chunk (`created_at`), cheap enough to be written for every token."""

import time
from typing import Final

from tampu.units import NS_PER_S, format_timestamp

_DIGITS: Final = 9


class Clock:
    """Writes the current moment as Ollama does. Within one second only the fraction is formatted anew."""

    __slots__ = ("_second", "_stamp")

    def __init__(self) -> None:
        self._second, self._stamp = "", ""

    def now(self) -> bytes:
        """RFC 3339 in UTC with up to nine fractional digits, trailing zeros cut."""
        now = str(time.time_ns())
        fraction = now[-_DIGITS:].rstrip("0")
        if now[:-_DIGITS] != self._second:
            self._second = now[:-_DIGITS]
            self._stamp = format_timestamp(int(self._second) * NS_PER_S).removesuffix("Z")
        return (f"{self._stamp}.{fraction}Z" if fraction else f"{self._stamp}Z").encode()
