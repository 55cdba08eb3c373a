"""Regular expressions of numbers as JSON writes them, of bounded length and between bounds. Pure.

A number must match the expression of its kind and that of each bound.
"""

from decimal import Decimal
from typing import Final

INTEGER: Final = "-?(0|[1-9][0-9]{0,18})"
"""As many digits as 64 bits have."""
DECIMAL: Final = INTEGER + r"(\.[0-9]{1,16})?"
NUMBER: Final = DECIMAL + "([eE][+-]?[0-9]{1,3})?"
_FRACTION: Final = r"(\.[0-9]+)?"
_POSITIVE: Final = "(0|[1-9][0-9]*)" + _FRACTION


def at_least(bound: float, *, strictly: bool = False) -> str:
    """Numbers without exponents that are not below `bound`."""
    number = Decimal(str(bound))
    return _from(number, strictly) if number >= 0 else f"(-{_up_to(-number, strictly)}|{_POSITIVE})"


def at_most(bound: float, *, strictly: bool = False) -> str:
    """Numbers without exponents that are not above `bound`."""
    number = Decimal(str(bound))
    if number < 0 or (strictly and number == 0):  # -0 is not below 0
        return "-" + _from(-number, strictly)
    return f"(-{_POSITIVE}|{_up_to(number, strictly)})"


def _from(bound: Decimal, strictly: bool) -> str:
    whole, digits = _split(bound)
    return f"({_whole_from(whole + 1)}{_FRACTION}|{whole}{_fractions_from(digits, strictly)})"


def _up_to(bound: Decimal, strictly: bool) -> str:
    """Numbers from 0 up to `bound`, which is more than 0 if `strictly`."""
    whole, digits = _split(bound)
    parts = [f"{_whole_up_to(whole - 1)}{_FRACTION}"] if whole else []
    if digits or not strictly:
        parts.append(f"{whole}{_fractions_up_to(digits, strictly)}")
    return _any_of(parts)


def _split(number: Decimal) -> tuple[int, str]:
    """The whole part, and the digits of the fraction without those that say nothing."""
    whole, _, fraction = format(number, "f").partition(".")
    return int(whole), fraction.rstrip("0")


def _fractions_from(digits: str, strictly: bool) -> str:
    """The point and fractions of at least these digits."""
    if not digits:
        return r"\.0*[1-9][0-9]*" if strictly else _FRACTION
    parts = [digits + ("0*[1-9][0-9]*" if strictly else "[0-9]*")]
    parts += [f"{digits[:place]}[{int(digit) + 1}-9][0-9]*" for place, digit in enumerate(digits) if digit != "9"]
    return rf"\.{_any_of(parts)}"


def _fractions_up_to(digits: str, strictly: bool) -> str:
    """The point and fractions of at most these digits, or neither."""
    if not digits:
        return r"(\.0+)?"
    parts = [] if strictly else [digits + "0*"]
    parts += [digits[:place] for place in range(1, len(digits))]
    parts += [f"{digits[:place]}[0-{int(digit) - 1}][0-9]*" for place, digit in enumerate(digits) if digit != "0"]
    return rf"(\.{_any_of(parts)})?"


def _whole_from(low: int) -> str:
    length = len(str(low))
    return _any_of([_same_length(str(low), "9" * length), f"[1-9][0-9]{{{length},}}"])


def _whole_up_to(high: int) -> str:
    length = len(str(high))
    if length == 1:
        return _same_length("0", str(high))
    return _any_of(["0", f"[1-9][0-9]{{0,{length - 2}}}", _same_length("1" + "0" * (length - 1), str(high))])


def _same_length(low: str, high: str) -> str:
    """Rows of digits, as long as both and between them."""
    if low == high:
        return low
    if low[0] == high[0]:
        return low[0] + _same_length(low[1:], high[1:])
    length = len(low) - 1
    first, last = int(low[0]), int(high[0])
    parts = []
    if low[1:].strip("0"):
        parts.append(low[0] + _same_length(low[1:], "9" * length))
        first += 1
    if high[1:].strip("9"):
        parts.append(high[0] + _same_length("0" * length, high[1:]))
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}]" + (f"[0-9]{{{length}}}" if length else ""))
    return _any_of(parts)


def _any_of(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({'|'.join(parts)})"
