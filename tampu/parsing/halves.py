"""Halves of characters, which a model can escape in JSON and no text can hold."""

import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")


def without_halves(value: Any) -> Any:
    """The same value with U+FFFD for each half of a character, in keys too; not for values that are nested deeply."""
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case list():
            return [without_halves(item) for item in value]
        case dict():
            return {without_halves(key): without_halves(item) for key, item in value.items()}
        case _:
            return value
