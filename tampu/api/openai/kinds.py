"""Kinds of JSON values: what they are, and the words for them that clients know from Ollama's errors."""

from collections.abc import Sequence

_WORDS = {bool: "bool", int: "float64", float: "float64", str: "string", list: "[]interface {}"}


def kind_word(value: object) -> str:
    """What an error calls the kind of a value of plain JSON."""
    if value is None:
        return "<nil>"
    return _WORDS.get(type(value), "map[string]interface {}")


def are_tokens(items: Sequence[object]) -> bool:
    """Whether all are whole numbers, as those of tokens are."""
    return all(type(item) is int for item in items)
