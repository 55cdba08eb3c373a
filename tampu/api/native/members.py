"""Members of Ollama's JSON objects: which of them are written at all."""

from typing import Any

from tampu.generation import Timings


def given(**members: Any) -> dict[str, Any]:
    """Those of `members` that say something: zeros and empty values are left out, as Ollama does."""
    return {name: value for name, value in members.items() if value}


def timed(timings: Timings) -> dict[str, int]:
    """How long a request took, and how long until an engine was at hand."""
    return {"total_duration": timings.total_ns, "load_duration": timings.load_ns}
