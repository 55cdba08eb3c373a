"""Values as text without a verb: what a template outputs, and what print and println make of their operands."""

from collections.abc import Sequence
from typing import Final

from tampu.templates.go.budget import Budget
from tampu.templates.go.formatting import Flags, Formatter, format_verb
from tampu.templates.go.values import Value

NO_VALUE: Final = "<no value>"


def print_value(value: Value) -> str:
    """The text of a value that a template outputs."""
    return NO_VALUE if value is None else format_value(value)


def format_value(value: Value) -> str:
    """The text of a value under %v."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    return format_verb(value, "v")


def printed(values: Sequence[Value], budget: Budget, *, marks_pointers: bool = True) -> str:
    """Go's Sprint: a blank only between two operands that are both no text. A pointer begins with `&` if marked."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(_operand(value, budget) if marks_pointers else format_value(value))
        budget.spend_text(len(parts[-1]))
    return "".join(parts)


def printed_line(values: Sequence[Value], budget: Budget) -> str:
    """Go's Sprintln: a blank between all operands, a newline after."""
    parts: list[str] = []
    for value in values:
        parts.append(_operand(value, budget))
        budget.spend_text(len(parts[-1]) + 1)
    return " ".join(parts) + "\n"


def _operand(value: Value, budget: Budget) -> str:
    return value if isinstance(value, str) else Formatter(Flags(), budget).argument(value, "v")
