"""The counts behind the counts: which of them are worth a word. Pure."""

from typing import Final

_LEAST_CACHED: Final = 1024
"""Shorter parts of prompts are not told as cached: OpenAI counts from here on, and programs that save costs do too."""
_LEAST_THOUGHTS: Final = 64
"""Fewer tokens of thinking need no count of their own."""


def told_cached(tokens: int) -> int:
    """How many tokens of a prompt are told as cached, of so many that were."""
    return tokens if tokens >= _LEAST_CACHED else 0


def told_thoughts(tokens: int) -> int:
    """How many tokens are told as thoughts, of so many that were."""
    return tokens if tokens >= _LEAST_THOUGHTS else 0
