"""The words for kinds of JSON values that clients know from Ollama's errors."""

_WORDS = {bool: "bool", int: "float64", float: "float64", str: "string", list: "[]interface {}"}


def kind_word(value: object) -> str:
    """What an error calls the kind of a value of plain JSON."""
    if value is None:
        return "<nil>"
    return _WORDS.get(type(value), "map[string]interface {}")
