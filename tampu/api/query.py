"""What stands behind the question mark of an address. Pure."""

from collections.abc import Mapping
from urllib.parse import parse_qs

_MOST_DIGITS = 9


def query_fields(query: str) -> Mapping[str, str]:
    """The fields by name, of several with one name the last; one without a value is empty."""
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def whole_number(text: str) -> int | None:
    """The number that a text of plain digits is; None for anything else, and for more than anybody counts to."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
