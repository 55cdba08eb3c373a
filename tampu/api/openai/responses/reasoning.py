"""`reasoning`: how hard to think."""

from typing import Any, ClassVar

import msgspec

from tampu.api.fields import read_think
from tampu.api.openai.efforts import read_effort
from tampu.generation import Think


class ReasoningBody(msgspec.Struct):
    """What a request says of thinking."""

    go_name: ClassVar = "openai.ResponsesReasoning"

    effort: str = ""
    summary: str = ""


def read_reasoning(body: ReasoningBody | None, think: Any) -> Think | None:
    """How hard to think; `think`, as in the native dialect, says it where `reasoning` does not. Raises BadRequest."""
    effort = body.effort if body else ""
    return read_think(think) if effort == "" else read_effort(effort)


def repeated_reasoning(body: ReasoningBody | None, *, streams: bool) -> dict[str, Any] | None:
    """How the answer repeats it. What was not said is null in a stream, and left out elsewhere, as in Ollama."""
    if body is None or not (body.effort or body.summary):
        return None
    told = {"effort": body.effort or None, "summary": body.summary or None}
    return told if streams else {key: value for key, value in told.items() if value is not None}
