"""How long texts and tools may be before an engine sees them, so that none works for minutes in vain. Pure."""

from collections.abc import Sequence
from typing import Final

from tampu import wire
from tampu.errors import BadRequest, PromptTooLong
from tampu.messages import Tool, ToolProperty

_ALWAYS_TAKEN: Final = 1 << 20
"""The tokenizers of some models take minutes for a few times as much."""
_CHARACTERS_PER_TOKEN: Final = 256
"""More than the longest tokens of any vocabulary have, runs of blanks aside."""


def check_length(characters: int, *, num_ctx: int) -> None:
    """Refuse text that is far beyond a context of `num_ctx` tokens, whatever could be left out of it."""
    limit = max(_ALWAYS_TAKEN, num_ctx * _CHARACTERS_PER_TOKEN)
    if characters > limit:
        raise PromptTooLong(
            f"the prompt has {characters} characters, far more than a context of {num_ctx} tokens holds; "
            f"send at most {limit}",
            limit=num_ctx,
        )


_MOST_TOOL_BYTES: Final = 512 << 10
"""Hundreds of usual tools. The engine makes a grammar of them, which takes longer the more there are."""


_MOST_PROPERTIES: Final = 300
"""Of one tool: the engine's work on them grows with more than their square."""


def check_tools(tools: Sequence[Tool]) -> None:
    """Refuse tools whose descriptions are together too long, and a tool with very many properties."""
    length = len(wire.encode(tools)) if tools else 0
    if length > _MOST_TOOL_BYTES:
        raise BadRequest(
            f"the tools take {length} bytes, at most {_MOST_TOOL_BYTES} are read; describe fewer or shorter"
        )
    for tool in tools:
        count = sum(_count(item) for item in (tool.function.parameters.properties or {}).values())
        if count > _MOST_PROPERTIES:
            name = tool.function.name[:100]
            raise BadRequest(f'the tool "{name}" has {count} properties; at most {_MOST_PROPERTIES} can be followed')


def _count(item: ToolProperty) -> int:
    inner = (*item.any_of, *(item.properties or {}).values())
    return 1 + sum(map(_count, inner))
