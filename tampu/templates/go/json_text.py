"""JSON as Go writes it: compact, maps sorted, `<`, `>`, `&`, U+2028 and U+2029 escaped."""

import json
import re
from base64 import b64encode
from typing import Final

from tampu.templates.go.numbers import format_json_number
from tampu.templates.go.values import (
    OrderedMap,
    Record,
    TypeNames,
    Value,
    is_nil,
    is_true,
    to_bytes,
    without_cut_characters,
)

_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_SPECIAL = re.compile("[<>&\u2028\u2029]")
_encode_string = json.JSONEncoder(ensure_ascii=False).encode


def json_text(value: Value) -> str:
    """The JSON of a value; nothing for a number that JSON has no form for."""
    parts: list[str] = []
    try:
        _write(value, parts)
    except ValueError:
        return ""
    return "".join(parts)


def json_string(text: str) -> str:
    """A JSON string with Go's escapes."""
    quoted = _encode_string(without_cut_characters(text))
    return _SPECIAL.sub(lambda match: _ESCAPED[match.group()], quoted) if _SPECIAL.search(quoted) else quoted


def _write(value: Value, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(json_string(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        parts.append(str(value))
    elif isinstance(value, float):
        parts.append(format_json_number(value))
    elif isinstance(value, OrderedMap):
        _write_ordered(value, parts)
    elif isinstance(value, Record):
        _write_record(value, parts)
    elif isinstance(value, dict):
        _write_map(value, parts)
    elif isinstance(value, list):
        _write_list(value, parts)
    else:
        parts.append(_rare(value))


def _rare(value: Value) -> str:
    if isinstance(value, bytes):
        return f'"{b64encode(value).decode()}"'
    raise ValueError("a complex number has no form in JSON")


def _write_list(items: list[Value], parts: list[str]) -> None:
    if is_nil(items):
        parts.append("null")
        return
    if isinstance(items, TypeNames) and len(items) == 1:
        _write(items[0], parts)
        return
    parts.append("[")
    for index, item in enumerate(items):
        if index:
            parts.append(",")
        _write(item, parts)
    parts.append("]")


def _write_map(items: dict[str, Value], parts: list[str]) -> None:
    if is_nil(items):
        parts.append("null")
        return
    parts.append("{")
    for index, name in enumerate(sorted_names(items)):
        parts.append("," if index else "")
        parts.append(f"{json_string(name)}:")
        _write(items[name], parts)
    parts.append("}")


def _write_record(record: Record, parts: list[str]) -> None:
    separator = "{"
    for name, json_field in record.type.json_fields.items():
        value = record.fields[name]
        if (json_field.omits_empty and not is_true(value)) or (json_field.omits_absent and is_nil(value)):
            continue
        parts.append(f'{separator}"{json_field.name}":')
        separator = ","
        _write(value, parts)
    parts.append("}" if separator == "," else "{}")


def _write_ordered(record: OrderedMap, parts: list[str]) -> None:
    if record.items is None:
        parts.append("null")
        return
    separator = "{"
    for name, value in record.items.items():
        parts.append(f"{separator}{json_string(name)}:")
        separator = ","
        _write(value, parts)
    parts.append("}" if separator == "," else "{}")


def sorted_names(items: dict[str, Value]) -> list[str]:
    """The keys of a map in Go's order: by bytes."""
    return sorted(items) if all(map(str.isascii, items)) else sorted(items, key=to_bytes)
