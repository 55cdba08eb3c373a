"""Go's number literals and its shortest way to print floats."""

import re
from typing import Final, TypeAlias

Number: TypeAlias = int | float | complex

_INTEGER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB](?P<bin>_?[01]+(?:_[01]+)*)"
    r"|0[oO]?(?P<oct>_?[0-7]+(?:_[0-7]+)*)|(?P<dec>0|[1-9][0-9]*(?:_[0-9]+)*))$"
)
_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
_FLOAT = re.compile(rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?$")
_HEX_DIGITS: Final = r"[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
_HEX_FLOAT = re.compile(rf"[+-]?0[xX]_?(?:{_HEX_DIGITS}\.?(?:{_HEX_DIGITS})?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}$")
_PAIR = re.compile(r"(?P<real>[+-]?[^+-]+(?:[eEpP][+-][^+-]+)?)(?P<imaginary>[+-][^+-]+(?:[eEpP][+-][^+-]+)?)i$")
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_MAX_INT: Final = 2**63 - 1
_MAX_UINT: Final = 2**64 - 1
_MAX_LITERAL: Final = 400
_EXPONENT_FROM: Final = 6
_JSON_EXPONENT_FROM: Final = 21


def read_number(source: str) -> Number:
    """The value of a number literal; raises ValueError with Go's words.

    Whole numbers over 63 bits and up to 64 are read, though no template can compute with them.
    """
    if len(source) > _MAX_LITERAL:
        raise ValueError(f'illegal number syntax: "{source[:_MAX_LITERAL]}"')
    if source.endswith("i"):
        return _complex(source)
    value = _integer(source)
    if value is not None and -_MAX_INT - 1 <= value <= _MAX_INT:
        # Go takes a hexadecimal number that has a sign and the digit E for a float.
        return float(value) if source[0] in "+-" and "e" in source.lower() else value
    if value is not None and 0 < value <= _MAX_UINT and source[0] != "+":
        return value
    number = _float(source)
    if number is None:
        raise ValueError(f'illegal number syntax: "{source}"')
    if not any(mark in source for mark in ".eEpP"):
        raise ValueError(f'integer overflow: "{source}"')
    return number


def _integer(source: str) -> int | None:
    match = _INTEGER.match(source)
    if not match:
        return None
    base = next(name for name in _BASES if match[name] is not None)
    value = int(match[base].replace("_", ""), _BASES[base])
    return -value if match["sign"] == "-" else value


def _float(source: str) -> float | None:
    """None where it is no float, or one that is too large."""
    try:
        if _HEX_FLOAT.match(source):
            return float.fromhex(source.replace("_", ""))
        value = float(source.replace("_", "")) if _FLOAT.match(source) else None
    except OverflowError:
        return None
    return None if value in {float("inf"), float("-inf")} else value


def _complex(source: str) -> complex:
    match = _PAIR.match(source)
    if not match and re.search("[^eEpP][+-]", source):
        raise ValueError("syntax error scanning complex number")
    real = _float(match["real"]) if match else 0.0
    imaginary = _float(match["imaginary"] if match else source[:-1])
    if real is None or imaginary is None:
        raise ValueError(f'illegal number syntax: "{source}"')
    return complex(real, imaginary)


def shortest_digits(value: float) -> tuple[str, int]:
    """The fewest digits that name `abs(value)`, and the decimal exponent of the first one."""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0", 0
    first = len(whole) - 1 if whole != "0" else -1 - (len(fraction) - len(fraction.lstrip("0")))
    return digits.rstrip("0") or "0", first + int(exponent or 0)


def format_float(value: float) -> str:
    """As Go's %v: shortest digits, with an exponent from 1e+06 upwards and below 1e-04."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    digits, exponent = shortest_digits(value)
    sign = "-" if str(value).startswith("-") else ""
    if exponent < -4 or exponent >= _EXPONENT_FROM:
        return sign + scientific(digits, exponent)
    return sign + positional(digits, exponent)


def format_json_number(value: float) -> str:
    """As Go's JSON: plain from 1e-6 up to 1e21, else with an exponent without leading zeros."""
    digits, exponent = shortest_digits(value)
    sign = "-" if str(value).startswith("-") else ""
    if digits != "0" and (exponent < -6 or exponent >= _JSON_EXPONENT_FROM):
        text = scientific(digits, exponent)
        return sign + (text[:-2] + text[-1] if text[-4:-1] == "e-0" else text)
    return sign + positional(digits, exponent)


def scientific(digits: str, exponent: int) -> str:
    """`1.25e+06`."""
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{point}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def positional(digits: str, exponent: int) -> str:
    """`1250000`."""
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits))
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
