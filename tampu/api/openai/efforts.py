"""Efforts of reasoning, OpenAI's words and those that local models know."""

from collections.abc import Mapping
from typing import get_args

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


def read_effort(effort: str) -> Think | None:
    """How hard to think, None where an empty word leaves it to the model; raises BadRequest."""
    if effort not in _EFFORTS:
        raise BadRequest(f'invalid reasoning value: "{effort}" (must be {_ACCEPTED})')
    return _EFFORTS[effort]
