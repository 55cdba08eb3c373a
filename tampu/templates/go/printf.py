"""Go's Sprintf: flags, width, precision and verbs; no width makes more text than the budget allows."""

import re
from collections.abc import Sequence
from typing import Final

from tampu.templates.go.budget import Budget
from tampu.templates.go.numbers import positional, scientific, shortest_digits
from tampu.templates.go.printing import format_value, format_verb
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import Record, Value, to_bytes, type_name

_DIRECTIVE = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<at>(?:\[[0-9]+\])?)(?P<width>\*|[0-9]*)"
    r"(?P<point>\.?)(?P<precision>(?<=\.)(?:\*|[0-9]*)|)(?P<index>(?:\[[0-9]+\])?)(?P<verb>.?)",
    re.DOTALL,
)
MAX_WIDTH: Final = 1_000_000
"""Go prints %!(BADWIDTH) from here on."""
_MAX_DIGITS: Final = 8


def sprintf(template: str, values: Sequence[Value], budget: Budget) -> str:
    """The text of the values as the template says."""
    return _Printer(template, values, budget).text()


class _Printer:
    def __init__(self, template: str, values: Sequence[Value], budget: Budget) -> None:
        self._template, self._values, self._budget = template, values, budget
        self._next = 0
        self._reordered = False
        self._parts: list[str] = []

    def text(self) -> str:
        end = 0
        for match in _DIRECTIVE.finditer(self._template):
            self._write(self._template[end : match.start()])
            self._directive(match)
            end = match.end()
        self._write(self._template[end:])
        if not self._reordered and self._next < len(self._values):
            extra = ", ".join(
                "<nil>" if value is None else f"{type_name(value)}={format_value(value)}"
                for value in self._values[self._next :]
            )
            self._write(f"%!(EXTRA {extra})")
        return "".join(self._parts)

    def _write(self, text: str) -> None:
        self._budget.spend_text(len(text))
        self._parts.append(text)

    def _directive(self, match: re.Match[str]) -> None:
        flags, verb = match["flags"], match["verb"]
        for index in (match["at"], match["index"]):
            if index:
                self._reordered = True
                self._next = int(index[1:-1][:_MAX_DIGITS]) - 1
        width = self._size(match["width"], "WIDTH")
        precision = self._size(match["precision"], "PREC") if match["point"] else None
        if match["point"] and precision is None:
            precision = 0
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        if not verb:
            self._write("%!(NOVERB)")
        elif verb == "%":
            self._write("%")
        elif not 0 <= self._next < len(self._values):
            self._write(f"%!{verb}({'BADINDEX' if self._reordered else 'MISSING'})")
        else:
            value = self._values[self._next]
            self._next += 1
            text = _formatted(value, verb, flags, precision)
            self._write(_padded(text, width or 0, flags, is_number=isinstance(value, (int, float))))

    def _size(self, source: str, complaint: str) -> int | None:
        if not source:
            return None
        if source != "*":
            size = int(source[:_MAX_DIGITS])
        elif self._next < len(self._values) and type(self._values[self._next]) is int:
            size = self._values[self._next]
            self._next += 1
        else:
            self._next += 1
            size = MAX_WIDTH + 1
        if abs(size) <= MAX_WIDTH:
            self._budget.spend_text(abs(size))
            return size
        self._write(f"%!(BAD{complaint})")
        return None


def _formatted(value: Value, verb: str, flags: str, precision: int | None) -> str:
    if verb == "T":
        return type_name(value)
    signs = flags.replace("+", "") if verb == "v" else flags  # under %+v the plus asks for field names
    if isinstance(value, bool) or value is None:
        return format_verb(value, verb)
    if isinstance(value, float):
        return _signed(_float(value, verb, precision), signs)
    if isinstance(value, int):
        return _signed(_integer(value, verb, flags, precision), signs)
    if isinstance(value, str):
        return _string(value, verb, flags, precision)
    text = format_verb(value, verb, names="+" in flags)
    return f"&{text}" if isinstance(value, Record) and text.startswith("{") and not value.type.prints_json else text


def _signed(text: str, flags: str) -> str:
    if text[:1] in {"-", "%", "'", "U", "+", ""} or not text[0].isdigit():
        return text
    return "+" + text if "+" in flags else " " + text if " " in flags else text


def _string(value: str, verb: str, flags: str, precision: int | None) -> str:
    if precision is not None and verb in "vsq":
        value = value[:precision]
    elif precision is not None and verb in "xX":
        return format_verb(to_bytes(value)[:precision], verb)
    if verb == "q" and "#" in flags and "`" not in value and value.isprintable():
        return f"`{value}`"
    if verb == "v" and "#" in flags:
        return go_quote(value)
    if verb in "xX" and " " in flags:
        text = to_bytes(value).hex(" ")
        return text.upper() if verb == "X" else text
    return format_verb(value, verb)


_PREFIXES: Final = {"x": "0x", "X": "0X", "b": "0b", "o": "0"}


def _integer(value: int, verb: str, flags: str, precision: int | None) -> str:
    text = format_verb(value, verb)
    if verb not in "vdboxX":
        return text
    sign, digits = ("-", text[1:]) if value < 0 else ("", text)
    if precision is not None:
        digits = digits.rjust(precision, "0") if value or precision else ""
    prefix = _PREFIXES.get(verb, "") if "#" in flags else ""
    return sign + prefix + digits


def _float(value: float, verb: str, precision: int | None) -> str:
    if precision is None or value != value or verb not in "vgGeEfF":  # noqa: PLR0124 - only NaN differs from itself
        return format_verb(value, verb)
    if value in (float("inf"), float("-inf")):
        return format_verb(value, "v")
    if verb in "eEfF":
        return format(value, f".{precision}{verb}")
    return _general(value, max(precision, 1), verb)


def _general(value: float, precision: int, verb: str) -> str:
    """%g with a precision: so many digits, an exponent where there are more places than digits."""
    rounded = float(format(value, f".{precision - 1}e"))
    digits, exponent = shortest_digits(rounded)
    limit = len(digits) if precision > len(digits) >= exponent + 1 else precision
    sign = "-" if str(value).startswith("-") else ""
    if exponent < -4 or exponent >= limit:
        text = scientific(digits, exponent)
        return sign + (text.upper() if verb == "G" else text)
    return sign + positional(digits, exponent)


def _padded(text: str, width: int, flags: str, *, is_number: bool) -> str:
    if len(text) >= width:
        return text
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags:
        sign = text[:1] if is_number and text[:1] in {"-", "+"} else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)
