"""Go's Sprintf: reads the directives of a text, with flags, width, precision and numbers of operands."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tampu.templates.go.budget import Budget
from tampu.templates.go.formatting import NIL_TEXT, Flags, Formatter
from tampu.templates.go.values import Value, type_name

_MAX_SIZE: Final = 1_000_000
"""Go takes no larger width or precision."""
_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
_DIGITS: Final = frozenset("0123456789")


def sprintf(template: str, values: Sequence[Value], budget: Budget) -> str:
    """The text of the values as the template says."""
    return _Printer(template, values, budget).text()


class _Printer:
    """`_at` is the place in the template, `_next` the operand that comes next."""

    def __init__(self, template: str, values: Sequence[Value], budget: Budget) -> None:
        self._template, self._values, self._budget = template, values, budget
        self._at = self._next = 0
        self._is_reordered = False
        self._is_good_number = True
        self._parts: list[str] = []

    def text(self) -> str:
        while self._at < len(self._template):
            end = self._template.find("%", self._at)
            end = len(self._template) if end < 0 else end
            self._write(self._template[self._at : end])
            self._at = end + 1
            if end < len(self._template):
                self._directive()
        if not self._is_reordered and self._next < len(self._values):
            formatter = Formatter(Flags(), self._budget)
            extra = (
                NIL_TEXT if value is None else f"{type_name(value)}={formatter.argument(value, 'v')}"
                for value in self._values[self._next :]
            )
            self._write(f"%!(EXTRA {', '.join(extra)})")
        return "".join(self._parts)

    def _write(self, text: str) -> None:
        self._budget.spend_text(len(text))
        self._parts.append(text)

    def _peek(self) -> str:
        return self._template[self._at : self._at + 1]

    def _directive(self) -> None:
        self._is_good_number = True
        flags = Flags()
        while (sign := self._peek()) in _FLAGS:
            setattr(flags, _FLAGS[sign], True)
            self._at += 1
        has_number = self._operand_number()
        has_number = self._width(flags, has_number=has_number)
        if self._peek() == "." and self._at + 1 < len(self._template):
            has_number = self._precision(flags, has_number=has_number)
        if not has_number:
            self._operand_number()
        verb = self._peek()
        self._at += 1
        self._write(self._formatted(verb, flags))

    def _formatted(self, verb: str, flags: Flags) -> str:
        if not verb:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not self._is_good_number:
            return f"%!{verb}(BADINDEX)"
        if self._next >= len(self._values):
            return f"%!{verb}(MISSING)"
        if verb in "vw":
            flags = replace(flags, shows_types=flags.sharp, sharp=False, shows_names=flags.plus, plus=False)
        self._next += 1
        return Formatter(flags, self._budget).argument(self._values[self._next - 1], verb)

    def _width(self, flags: Flags, *, has_number: bool) -> bool:
        """Reads the width; whether a number of an operand stands right before what follows."""
        if self._peek() == "*":
            width = self._size_from_operand()
            if width is None:
                self._write("%!(BADWIDTH)")
            flags.width = abs(width or 0)
            if flags.width != (width or 0):
                flags.minus, flags.zero = True, False
            return False
        width = self._number()
        flags.width = width or 0
        if has_number and width is not None:
            self._is_good_number = False
        return has_number

    def _precision(self, flags: Flags, *, has_number: bool) -> bool:
        self._at += 1
        if has_number:
            self._is_good_number = False
        has_number = self._operand_number()
        if self._peek() != "*":
            flags.precision = self._number() or 0
            return has_number
        precision = self._size_from_operand()
        flags.precision = None if precision is None or precision < 0 else precision
        if flags.precision is None:
            self._write("%!(BADPREC)")
        return False

    def _number(self) -> int | None:
        """Digits; None where there are none, or too many, and then the rest of the template is skipped."""
        start = self._at
        value = 0
        while self._peek() in _DIGITS and self._peek():
            if value > _MAX_SIZE:
                self._at = len(self._template)
                return None
            value = value * 10 + int(self._peek())
            self._at += 1
        return value if self._at > start else None

    def _size_from_operand(self) -> int | None:
        """The next operand as a size; None where it is none."""
        self._at += 1
        if self._next >= len(self._values):
            return None
        value = self._values[self._next]
        self._next += 1
        is_size = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_SIZE
        return value if is_size else None

    def _operand_number(self) -> bool:
        """Reads `[3]`, which says which operand comes next; whether there was one."""
        if self._peek() != "[":
            return False
        self._is_reordered = True
        end = self._template.find("]", self._at)
        if end < 0 or len(self._template) - self._at < len("[n]"):
            self._is_good_number = False
            self._at += 1
            return False
        digits = self._template[self._at + 1 : end]
        self._at = end + 1
        is_number = bool(digits) and set(digits) <= _DIGITS and len(digits) <= len(str(_MAX_SIZE))
        if is_number and 1 <= int(digits) <= len(self._values):
            self._next = int(digits) - 1
            return True
        self._is_good_number = False
        return is_number
