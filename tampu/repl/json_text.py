"""What is wrong with a text that should be JSON, in the words in which Ollama's command says it."""

import json
from typing import Final, NoReturn

_PLACES: Final = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
}
_BLANKS: Final = " \t\r\n"


def complaint(text: str) -> str:
    """Why `text` is no JSON value; "" where it is one."""
    try:
        start = len(text) - len(text.lstrip(_BLANKS))
        _, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, start)
    except json.JSONDecodeError as error:
        return _named(text, error)
    except (ValueError, RecursionError):
        return f"invalid character '{text.lstrip(_BLANKS)[:1]}' looking for beginning of value"
    rest = text[end:].lstrip(_BLANKS)
    return f"invalid character '{rest[0]}' after top-level value" if rest else ""


def _named(text: str, error: json.JSONDecodeError) -> str:
    if not text[error.pos :].strip(_BLANKS) or error.msg.startswith("Unterminated string"):
        return "unexpected end of JSON input"
    if error.msg == "Expecting ',' delimiter":
        inside = text[: error.pos].count("{") - text[: error.pos].count("}")
        place = "after object key:value pair" if inside > 0 else "after array element"
    else:
        place = _PLACES.get(error.msg, "in string literal")
    return f"invalid character '{text[error.pos]}' {place}"


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
