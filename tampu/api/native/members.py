"""Members of Ollama's JSON objects: which of them are written at all."""

from typing import Any


def given(**members: Any) -> dict[str, Any]:
    """Those of `members` that say something: zeros and empty values are left out, as Ollama does."""
    return {name: value for name, value in members.items() if value}
