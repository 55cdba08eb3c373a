"""The moment of each chunk (`created_at`), cheap enough to be written for every token."""

from time import time_ns
from typing import Final

import msgspec

from tampu.units import NS_PER_S, format_timestamp

_ZERO: Final = ord("0")
_json = msgspec.json.Encoder().encode


class Clock:
    """Writes the current moment as Ollama does. Within one second only the fraction is written anew."""

    __slots__ = ("_offset_ns", "_stamp")

    def __init__(self) -> None:
        self._offset_ns, self._stamp = 0, b""

    def now(self) -> bytes:
        """RFC 3339 in UTC with up to nine fractional digits, trailing zeros cut."""
        # Counted from one second too early: with a digit in front, zeros behind it are written.
        elapsed_ns = time_ns() - self._offset_ns
        if not NS_PER_S <= elapsed_ns < 2 * NS_PER_S:
            elapsed_ns = self._begin_second(elapsed_ns + self._offset_ns)
        # The encoder of chunks writes numbers, too, and its code is at hand.
        fraction = _json(elapsed_ns)[1:]
        if fraction[-1] == _ZERO:
            fraction = fraction.rstrip(b"0")
        return b"".join((self._stamp, fraction, b"Z") if fraction else (self._stamp[:-1], b"Z"))

    def _begin_second(self, now_ns: int) -> int:
        begin_ns = now_ns - now_ns % NS_PER_S
        self._offset_ns = begin_ns - NS_PER_S
        self._stamp = format_timestamp(begin_ns).removesuffix("Z").encode() + b"."
        return now_ns - self._offset_ns
