"""How values of parameters are written in texts that people read: as Go prints them, which is what clients expect."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_ESCAPES |= {"\\": r"\\", '"': r"\""}


def spread(parameters: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Key and value of every line that `parameters` take: one per item of a list."""
    for key, value in parameters.items():
        for item in value if isinstance(value, list | tuple) else (value,):
            yield key, item


def plain(value: object) -> str:
    """A value without quotes: `0.7`, `1e+06`, `true`, `<nil>`, a text as it is."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case list() | tuple():
            return f"[{' '.join(plain(item) for item in value)}]"
        case dict():
            return f"map[{' '.join(f'{key}:{plain(item)}' for key, item in sorted(value.items()))}]"
        case _:
            return str(value)


def quoted(value: object) -> str:
    """A value with texts in double quotes, special characters escaped."""
    if not isinstance(value, str):
        return plain(value)
    return f'"{"".join(map(_escaped, value))}"'


def _number(value: float) -> str:
    """The shortest decimal that is the same float64; with an exponent below 1e-4 and from 1e6 on."""
    try:
        number = float(value)
    except OverflowError:
        return str(value)
    if not math.isfinite(number):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, "NaN")
    sign, digits, _ = Decimal(repr(number)).as_tuple()
    exponent = Decimal(repr(number)).adjusted()
    if not number or -4 <= exponent < 6:
        return repr(number).removesuffix(".0")
    figures = "".join(map(str, digits)).rstrip("0")
    mantissa = figures[0] + (f".{figures[1:]}" if len(figures) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{exponent:+03d}"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
