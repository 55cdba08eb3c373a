"""Numbers under the verbs of Go's fmt, without flags: each form of a float, and the digits of whole numbers."""

from math import frexp
from typing import Final

from tampu.templates.go.numbers import format_float, positional, scientific, shortest_digits

FLOAT_VERBS: Final = "bgGxXfFeE"
_DEFAULT_PRECISION: Final = {"f": 6, "F": 6, "e": 6, "E": 6}
_MANTISSA_BITS: Final = 52
_MANTISSA_DIGITS: Final = 13
_LEAST_EXPONENT: Final = -1074
_BASES: Final = {"v": "d", "d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}


def whole_digits(value: int, verb: str) -> str:
    """The digits of a number that is not negative, in the base that the verb stands for."""
    return format(value, _BASES[verb])


def float_text(value: float, verb: str, precision: int | None) -> str:
    """A float, signed if negative. `precision` None: the fewest digits, or six places for the verbs of places."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - only NaN differs from itself
        return format_float(value)
    precision = _DEFAULT_PRECISION.get(verb) if precision is None else precision
    if verb in "fF":
        return format(value, f".{precision}f")
    if verb in "eE":
        return format(value, f".{precision}{verb}")
    sign = "-" if str(value).startswith("-") else ""
    if verb == "b":
        return sign + _binary(abs(value))
    text = _hexadecimal(abs(value), precision) if verb in "xX" else _general(abs(value), precision)
    return sign + (text.upper() if verb in "GX" else text)


def _general(value: float, precision: int | None) -> str:
    """%g: an exponent where there are more places than digits."""
    if precision is None:
        return format_float(value)
    precision = max(precision, 1)
    digits, exponent = shortest_digits(float(format(value, f".{precision - 1}e")))
    if precision > len(digits):  # a number that has more places than its shortest form shows
        mantissa, _, power = format(value, f".{precision - 1}e").partition("e")
        digits, exponent = mantissa.replace(".", "").rstrip("0") or "0", int(power)
    limit = len(digits) if precision > len(digits) >= exponent + 1 else precision
    is_scientific = exponent < -4 or exponent >= limit
    return scientific(digits, exponent) if is_scientific else positional(digits, exponent)


def _binary(value: float) -> str:
    """%b: a whole number and the power of two that it is multiplied with."""
    if not value:
        return f"0p{_LEAST_EXPONENT}"
    fraction, exponent = frexp(value)
    power = max(exponent - _MANTISSA_BITS - 1, _LEAST_EXPONENT)
    return f"{int(fraction * 2.0 ** (exponent - power))}p{power:+d}"


def _hexadecimal(value: float, precision: int | None) -> str:
    """%x: a hexadecimal fraction between 1 and 2, and a power of two."""
    if not value:
        return f"0x0{'.' + '0' * precision if precision else ''}p+00"
    fraction, exponent = frexp(value)
    mantissa, power = int(fraction * 2 ** (_MANTISSA_BITS + 1)), exponent - 1
    if precision is not None and precision < _MANTISSA_DIGITS:
        mantissa = _rounded(mantissa, 4 * (_MANTISSA_DIGITS - precision))
        if mantissa >> (_MANTISSA_BITS + 1):
            mantissa, power = mantissa >> 1, power + 1
    digits = format(mantissa & ((1 << _MANTISSA_BITS) - 1), f"0{_MANTISSA_DIGITS}x")
    digits = digits.rstrip("0") if precision is None else digits[:precision].ljust(precision, "0")
    point = "." if digits else ""
    return f"0x1{point}{digits}p{'-' if power < 0 else '+'}{abs(power):02d}"


def _rounded(mantissa: int, bits: int) -> int:
    """Without its last bits, halves to even."""
    rest, half = mantissa & ((1 << bits) - 1), 1 << (bits - 1)
    kept = mantissa >> bits
    return (kept + (rest > half or (rest == half and kept % 2 == 1))) << bits


def with_point(text: str, verb: str, precision: int | None) -> str:
    """What the flag `#` makes of an unsigned float: a decimal point always, and %g keeps its zeros."""
    digits = (6 if precision is None else precision) if verb in "gGx" else 0
    marks = "pP" if verb in "xX" else "eEpP"
    end = next((place for place, sign in enumerate(text) if sign in marks), len(text))
    body, tail = text[:end], text[end:]
    significant = body.replace(".", "").lstrip("0")
    digits -= len(significant)
    if "." not in body:
        digits -= body == "0"
        body += "."
    return body + "0" * max(digits, 0) + tail
