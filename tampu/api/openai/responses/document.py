"""A response as one JSON object: what was asked, as far as answers repeat it, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tampu.api.openai.usage import told_cached, told_thoughts
from tampu.generation import Usage

_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request so far. `completed_at`: seconds since the epoch, None while it is being answered."""

    status: str
    output: Sequence[Mapping[str, Any]] = ()
    usage: Usage | None = None
    completed_at: int | None = None
    error: Mapping[str, Any] | None = None
    incomplete_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """What a response repeats of its request."""

    id: str
    created_at: int
    model: str
    previous_response_id: str | None = None
    instructions: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Any = "auto"
    truncation: str = "disabled"
    parallel_tool_calls: bool = True
    format: Mapping[str, Any] = field(default_factory=dict)
    top_p: float = 1.0
    presence_penalty: float = 0
    frequency_penalty: float = 0
    top_logprobs: int = 0
    temperature: float = 1.0
    reasoning: Mapping[str, Any] | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    background: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    user: str | None = None


def written(echo: Echo, outcome: Outcome, *, is_stored: bool) -> bytes:
    """The response, in the order of OpenAI's own."""
    told = {
        "id": echo.id,
        "object": "response",
        "created_at": echo.created_at,
        "completed_at": outcome.completed_at,
        "status": outcome.status,
        "incomplete_details": {"reason": outcome.incomplete_reason} if outcome.incomplete_reason else None,
        "model": echo.model,
        "previous_response_id": echo.previous_response_id,
        "instructions": echo.instructions,
        "output": outcome.output,
        "error": outcome.error,
        "tools": echo.tools,
        "tool_choice": echo.tool_choice,
        "truncation": echo.truncation,
        "parallel_tool_calls": echo.parallel_tool_calls,
        "text": {"format": echo.format},
        "top_p": echo.top_p,
        "presence_penalty": echo.presence_penalty,
        "frequency_penalty": echo.frequency_penalty,
        "top_logprobs": echo.top_logprobs,
        "temperature": echo.temperature,
        "reasoning": echo.reasoning,
        "usage": None if outcome.usage is None else _usage(outcome.usage),
        "max_output_tokens": echo.max_output_tokens,
        "max_tool_calls": echo.max_tool_calls,
        "store": is_stored,
        "background": echo.background,
        "service_tier": "default",
        "metadata": echo.metadata,
        "safety_identifier": echo.safety_identifier,
        "prompt_cache_key": echo.prompt_cache_key,
    }
    return _json(told if echo.user is None else {**told, "user": echo.user})


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "input_tokens_details": {"cached_tokens": told_cached(usage.cached_tokens)},
        "output_tokens_details": {"reasoning_tokens": told_thoughts(usage.thinking_tokens)},
    }
