"""`reasoning`: how hard to think."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from tampu.api.fields import read_think
from tampu.errors import BadRequest
from tampu.generation import Think, ThinkLevel

_EFFORTS: Mapping[str, Think | None] = {
    "": None,
    "none": False,
    "minimal": "low",
    **{level: level for level in get_args(ThinkLevel)},
    "xhigh": "max",
    "ultra": "max",
}
_ACCEPTED = '"minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none"'


class ReasoningBody(msgspec.Struct):
    """What a request says of thinking."""

    effort: str = ""
    summary: str = ""


def read_reasoning(body: ReasoningBody | None, think: Any) -> Think | None:
    """How hard to think; `think`, as in the native dialect, says it where `reasoning` does not. Raises BadRequest."""
    effort = body.effort if body else ""
    if effort not in _EFFORTS:
        raise BadRequest(f'invalid reasoning value: "{effort}" (must be {_ACCEPTED})')
    return read_think(think) if effort == "" else _EFFORTS[effort]


def repeated_reasoning(body: ReasoningBody | None, *, streams: bool) -> dict[str, Any] | None:
    """How the answer repeats it. What was not said is null in a stream, and left out elsewhere, as in Ollama."""
    if body is None or not (body.effort or body.summary):
        return None
    told = {"effort": body.effort or None, "summary": body.summary or None}
    return told if streams else {key: value for key, value in told.items() if value is not None}
