"""Values as text under the verbs and flags of Go's fmt package; no width makes more text than the budget allows."""

from dataclasses import dataclass
from typing import Final

from tampu.templates.go.budget import Budget
from tampu.templates.go.json_text import json_text, sorted_names
from tampu.templates.go.number_formats import FLOAT_VERBS, float_text, whole_digits, with_point
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import (
    Byte,
    JsonList,
    JsonMap,
    OrderedMap,
    Record,
    TypeNames,
    Value,
    from_bytes,
    is_nil,
    pointed_type_name,
    to_bytes,
    type_name,
)

NIL_TEXT: Final = "<nil>"
_TEXT_VERBS: Final = "vsqxX"
_WHOLE_VERBS: Final = "vdboOxX"
_PREFIXES: Final = {"b": "0b", "x": "0x", "X": "0X"}
_MAX_CHARACTER: Final = 0x10FFFF


@dataclass(slots=True)
class Flags:
    """What stands between the percent sign and the verb; `shows_names` is %+v, `shows_types` is %#v."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int = 0
    precision: int | None = None
    shows_names: bool = False
    shows_types: bool = False


def as_json(value: Value) -> str | None:
    """The text of a value that has a text form of its own, mostly JSON; else None."""
    if isinstance(value, JsonMap):
        return "{}" if value.is_nil else json_text(value)
    if isinstance(value, JsonList) or (isinstance(value, Record) and value.type.prints_json):
        return json_text(value)
    if isinstance(value, TypeNames):
        return value[0] if len(value) == 1 else f"[{' '.join(value)}]" if value else ""
    return None


class Formatter:
    """Formats values under one verb after another, all with the same flags."""

    def __init__(self, flags: Flags, budget: Budget) -> None:
        self._flags, self._budget = flags, budget
        self._is_complaining = False  # inside of a complaint no text forms are asked for

    def argument(self, value: Value, verb: str) -> str:
        """The text of an operand."""
        if value is None:
            return self._padded(NIL_TEXT) if verb in "vT" else self._complaint(value, verb)
        if verb == "T":
            return self._text(type_name(value), "s")
        text = self.value(value, verb)
        is_pointer = isinstance(value, Record) and value.type.name.startswith("*") and text.startswith("{")
        return f"&{'' if not self._flags.shows_types else pointed_type_name(value)}{text}" if is_pointer else text

    def value(self, value: Value, verb: str) -> str:
        """The text of an operand or of a part of one; a verb applies to each element of a list or map."""
        if verb in _TEXT_VERBS and not (self._is_complaining or self._flags.shows_types):
            text = as_json(value)
            if text is not None:
                return self._text(text, verb)
        if isinstance(value, OrderedMap):  # Ollama prints an address
            return NIL_TEXT if value.items is None else json_text(value)
        if value is None:
            return f"interface {{}}({NIL_TEXT[1:-1]})" if self._flags.shows_types else NIL_TEXT
        if isinstance(value, (str, bool, int, float, complex)):
            return self._scalar(value, verb)
        if isinstance(value, bytes) and verb in "sqxX":
            return self._text(from_bytes(value), verb)
        return self._compound(value, verb)

    def _scalar(self, value: Value, verb: str) -> str:
        if isinstance(value, str):
            return self._text(value, verb) if verb in _TEXT_VERBS else self._complaint(value, verb)
        if isinstance(value, bool):
            return self._padded(str(value).lower()) if verb in "tv" else self._complaint(value, verb)
        if isinstance(value, int):
            return self._whole(value, verb)
        verb_of_float = "g" if verb == "v" else verb
        if verb_of_float not in FLOAT_VERBS:
            return self._complaint(value, verb)
        return self._complex(value, verb_of_float) if isinstance(value, complex) else self._float(value, verb_of_float)

    def _complaint(self, value: Value, verb: str) -> str:
        """What is printed where a verb does not fit the value."""
        if value is None:
            return f"%!{verb}({NIL_TEXT})"
        before, self._is_complaining = self._is_complaining, True
        shown = self.argument(value, "v")
        self._is_complaining = before
        return f"%!{verb}({type_name(value)}={shown})"

    # Lists, maps and structs.

    def _compound(self, value: Value, verb: str) -> str:
        shows_types = self._flags.shows_types
        separator = ", " if shows_types else " "
        if shows_types and is_nil(value):
            return f"{type_name(value)}(nil)"
        if isinstance(value, Record):
            members = separator.join(self._member(name, item, verb) for name, item in value.fields.items())
            name = "" if not shows_types or value.type.name.startswith("*") else value.type.name
            return f"{name}{{{members}}}"
        if isinstance(value, dict):
            pairs = (f"{self.value(name, verb)}:{self._part(value[name], verb)}" for name in sorted_names(value))
            inner = separator.join(pairs)
            return f"{type_name(value)}{{{inner}}}" if shows_types else f"map[{inner}]"
        items = map(Byte, value) if isinstance(value, bytes) else value
        inner = separator.join(self._part(item, verb) for item in items)
        return f"{type_name(value)}{{{inner}}}" if shows_types else f"[{inner}]"

    def _part(self, value: Value, verb: str) -> str:
        """An element. A pointer in a list is an address to Go, for which few verbs are right; its struct is shown."""
        is_pointer = isinstance(value, Record) and value.type.name.startswith("*")
        return self._complaint(value, verb) if is_pointer and verb not in "vpbodxX" else self.value(value, verb)

    def _member(self, name: str, value: Value, verb: str) -> str:
        is_named = self._flags.shows_names or self._flags.shows_types
        return f"{name}:{self._part(value, verb)}" if is_named else self._part(value, verb)

    # Texts.

    def _text(self, text: str, verb: str) -> str:
        flags = self._flags
        if verb in "xX":
            return self._hexadecimal(to_bytes(text)[: flags.precision], verb)
        text = text[: flags.precision]
        if verb == "q" or (verb == "v" and flags.shows_types):
            is_raw = flags.sharp and "`" not in text and (text + "\t").replace("\t", "").isprintable()
            text = f"`{text}`" if is_raw else go_quote(text, ascii_only=flags.plus)
        return self._padded(text)

    def _hexadecimal(self, data: bytes, verb: str) -> str:
        flags = self._flags
        if not data:
            return self._padded("")
        prefix = f"0{verb}" if flags.sharp else ""
        pairs = data.hex(" ") if flags.space else data.hex()
        pairs = pairs.upper() if verb == "X" else pairs
        text = prefix + (pairs.replace(" ", f" {prefix}") if flags.space else pairs)
        return self._padded(text)

    def _padded(self, text: str, *, with_zeros: bool = True) -> str:
        flags = self._flags
        missing = flags.width - len(text)
        if missing <= 0:
            return text
        self._budget.spend_text(missing)
        if flags.minus:
            return text + " " * missing
        return ("0" if flags.zero and with_zeros else " ") * missing + text

    # Numbers.

    def _whole(self, value: int, verb: str) -> str:
        if verb in "cqU":
            return self._character(value, verb)
        if verb == "v" and self._flags.shows_types and isinstance(value, Byte):
            return f"0x{value:x}"
        if verb not in _WHOLE_VERBS:
            return self._complaint(value, verb)
        flags = self._flags
        sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
        least = flags.precision
        if least is None:
            least = flags.width - len(sign) if flags.zero and not flags.minus else 0
        elif not least and not value:
            return self._padded("", with_zeros=False)
        digits = whole_digits(abs(value), verb)
        self._budget.spend_text(max(least - len(digits), 0))
        digits = digits.rjust(least, "0")
        prefix = _PREFIXES.get(verb, "") if flags.sharp else ""
        if flags.sharp and verb in "oO" and digits[0] != "0":
            prefix = "0"
        prefix = "0o" + prefix if verb == "O" else prefix
        return self._padded(sign + prefix + digits, with_zeros=False)

    def _character(self, value: int, verb: str) -> str:
        is_real = 0 <= value <= _MAX_CHARACTER and not 0xD800 <= value <= 0xDFFF
        character = chr(value) if is_real else "\ufffd"
        if verb == "c":
            return self._padded(character)
        if verb == "q":
            quoted = go_quote(character, ascii_only=self._flags.plus)[1:-1]
            return self._padded("'" + {'\\"': '"', "'": "\\'"}.get(quoted, quoted) + "'")
        number = format(value if value >= 0 else value + 2**64, "X")
        self._budget.spend_text(self._flags.precision or 0)
        shown = f" '{character}'" if self._flags.sharp and is_real and character.isprintable() else ""
        return self._padded("U+" + number.rjust(max(4, self._flags.precision or 0), "0") + shown, with_zeros=False)

    def _float(self, value: float, verb: str, *, plus: bool = False) -> str:
        flags = self._flags
        self._budget.spend_text(flags.precision or 0)
        text = float_text(value, verb, flags.precision)
        sign = text[0] if text[0] in "+-" else "+"
        body = text.removeprefix(sign)
        plus = plus or flags.plus
        if flags.space and sign == "+" and not plus:
            sign = " "
        if body[0] in "IN":
            is_shown = body[0] == "I" or flags.space or plus
            return self._padded((sign if is_shown else "") + body, with_zeros=False)
        if flags.sharp and verb != "b":
            body = with_point(body, verb, flags.precision)
        if not plus and sign == "+":
            return self._padded(body)
        if flags.zero and not flags.minus and flags.width > len(body) + 1:
            self._budget.spend_text(flags.width)
            return sign + body.rjust(flags.width - 1, "0")
        return self._padded(sign + body)

    def _complex(self, value: complex, verb: str) -> str:
        return f"({self._float(value.real, verb)}{self._float(value.imag, verb, plus=True)}i)"


def format_verb(value: Value, verb: str) -> str:
    """The text of a value under a verb without flags."""
    return Formatter(Flags(), Budget()).value(value, verb)
