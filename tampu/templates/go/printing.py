"""Values as text, by the rules of Go's fmt package: %v of anything, the verbs for single values, print and println."""

from collections.abc import Sequence
from typing import Final

from tampu.templates.go.budget import Budget
from tampu.templates.go.json_text import json_text, sorted_names
from tampu.templates.go.numbers import format_float
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import JsonList, JsonMap, Record, TypeNames, Value, from_bytes, to_bytes, type_name

NO_VALUE: Final = "<no value>"
TEXT_VERBS: Final = "vsqxX"


def print_value(value: Value) -> str:
    """The text of a value that a template outputs."""
    if isinstance(value, str):
        return value
    if value is None:
        return NO_VALUE
    if isinstance(value, Record) and not value.type.prints_json:
        return _struct(value, "v", names=False)
    return format_value(value)


def format_value(value: Value) -> str:
    """The text of a value under %v."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return format_verb(value, "v")


def printed(values: Sequence[Value], budget: Budget) -> str:
    """Go's Sprint: a blank only between two operands that are both no text."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(_pointed(value))
        budget.spend_text(len(parts[-1]))
    return "".join(parts)


def printed_line(values: Sequence[Value], budget: Budget) -> str:
    """Go's Sprintln: a blank between all operands, a newline after."""
    parts: list[str] = []
    for value in values:
        parts.append(_pointed(value))
        budget.spend_text(len(parts[-1]) + 1)
    return " ".join(parts) + "\n"


def _pointed(value: Value) -> str:
    text = format_value(value)
    return f"&{text}" if isinstance(value, Record) and not value.type.prints_json else text


def as_json(value: Value) -> str | None:
    """The text of a value that has a JSON text form, else None."""
    if isinstance(value, JsonMap):
        return "{}" if value.is_nil else json_text(value)
    if isinstance(value, JsonList) or (isinstance(value, Record) and value.type.prints_json):
        return json_text(value)
    if isinstance(value, TypeNames) and len(value) < 2:
        return value[0] if value else ""
    return None


def format_verb(value: Value, verb: str, *, names: bool = False) -> str:
    """The text of a value under a verb without width; a verb applies to each element of a list or map."""
    if verb in TEXT_VERBS:
        text = as_json(value)
        if text is not None:
            return _text(text, verb)
    if isinstance(value, Record):
        return _struct(value, verb, names=names)
    if isinstance(value, list):
        return "[" + " ".join(format_verb(item, verb, names=names) for item in value) + "]"
    if isinstance(value, dict):
        inner = (
            f"{format_verb(name, verb)}:{format_verb(value[name], verb, names=names)}" for name in sorted_names(value)
        )
        return "map[" + " ".join(inner) + "]"
    if isinstance(value, bytes):
        return _text(from_bytes(value), verb) if verb in "sqxX" else "[" + " ".join(map(str, value)) + "]"
    return _scalar(value, verb)


def _struct(record: Record, verb: str, *, names: bool) -> str:
    return (
        "{"
        + " ".join(
            (f"{name}:" if names else "") + format_verb(value, verb, names=names)
            for name, value in record.fields.items()
        )
        + "}"
    )


def _scalar(value: Value, verb: str) -> str:
    if value is None:
        return "<nil>" if verb == "v" else f"%!{verb}(<nil>)"
    if isinstance(value, str):
        return _text(value, verb) if verb in TEXT_VERBS else bad_verb(value, verb)
    if isinstance(value, bool):
        return ("true" if value else "false") if verb in "vt" else bad_verb(value, verb)
    if isinstance(value, int):
        return _integer(value, verb)
    return _float(value, verb)


def _text(text: str, verb: str) -> str:
    match verb:
        case "q":
            return go_quote(text)
        case "x":
            return to_bytes(text).hex()
        case "X":
            return to_bytes(text).hex().upper()
        case _:
            return text


_INTEGER_FORMATS: Final = {"v": "d", "d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}
_MAX_CHARACTER: Final = 0x10FFFF


def _integer(value: int, verb: str) -> str:
    if verb in _INTEGER_FORMATS:
        return format(value, _INTEGER_FORMATS[verb])
    character = chr(value) if 0 <= value <= _MAX_CHARACTER and not 0xD800 <= value <= 0xDFFF else "\ufffd"
    match verb:
        case "c":
            return character
        case "q":
            return "'" + go_quote(character)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
        case "U":
            return f"U+{value:04X}"
        case "O":
            return f"{'-' if value < 0 else ''}0o{abs(value):o}"
        case _:
            return bad_verb(value, verb)


def _float(value: float, verb: str) -> str:
    if verb in "vg":
        return format_float(value)
    if verb == "G":
        return format_float(value).upper()
    if verb in "eEfF":
        return format(value, f".6{verb}")
    return bad_verb(value, verb)


def bad_verb(value: Value, verb: str) -> str:
    """What Go prints where a verb does not fit the value."""
    return f"%!{verb}({type_name(value)}={format_value(value)})"
