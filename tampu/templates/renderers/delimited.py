"""The notation of the Gemma families for schemas and values: bare sorted keys, texts between marks, no blanks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tampu.templates.go.numbers import format_float
from tampu.templates.renderers.json_style import as_float

_PLAIN_BELOW: Final = 2**63


@dataclass(frozen=True, slots=True)
class Delimited:
    """`mark` stands around texts, and around names if asked for; `null` is how nothing is written."""

    mark: str
    null: str = "null"
    quotes_names: bool = False

    def quoted(self, text: str) -> str:
        """A text between its delimiters."""
        return f"{self.mark}{text}{self.mark}"

    def members(self, values: Mapping[str, Any]) -> str:
        """`key:value` of each, by key."""
        return ",".join(
            f"{self.quoted(name) if self.quotes_names else name}:{self.text(values[name])}" for name in sorted(values)
        )

    def text(self, value: Any) -> str:
        """A value."""
        if isinstance(value, str):
            return self.quoted(value)
        if isinstance(value, dict):
            return "{" + self.members(value) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(self.text, value)) + "]"
        if value is None or isinstance(value, bool):
            return self.null if value is None else str(value).lower()
        return number_text(value)


def number_text(value: float) -> str:
    """A number: whole ones plain, others as Go prints them alone."""
    number = as_float(value)
    if -_PLAIN_BELOW <= number < _PLAIN_BELOW and number.is_integer():
        return str(int(number))
    return format_float(number)
