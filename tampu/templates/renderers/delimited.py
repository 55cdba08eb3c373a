"""The notation of the Gemma families for tools and values: bare sorted keys, texts between marks, no blanks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tampu.messages import Tool, ToolProperty
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

    def described(self, tool: Tool, properties: Callable[[Mapping[str, ToolProperty]], str]) -> str:
        """What is told of a tool behind its name; `properties` writes those of its arguments."""
        function, parameters = tool.function, tool.function.parameters
        shown = [properties(parameters.properties)] if parameters.properties else []
        if parameters.required:
            shown.append(f"required:{self.text(list(parameters.required))}")
        if parameters.type:
            shown.append(f"type:{self.quoted(parameters.type.upper())}")
        is_described = parameters.properties is not None or parameters.type
        members = f",parameters:{{{','.join(shown)}}}" if is_described else ""
        return f"{{description:{self.quoted(function.description)}{members}}}"

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
