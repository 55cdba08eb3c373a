"""Counts as Anthropic tells them. Pure."""

from typing import Any

from tampu.generation import Usage


def written_usage(usage: Usage, *, caches: bool) -> dict[str, Any]:
    """The counts; where the request marks what to cache, tokens from the cache are told apart from the others.

    What the engine keeps costs nothing to keep, so nothing is counted as written to the cache.
    """
    if not caches:
        return {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
