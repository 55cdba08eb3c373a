"""How to choose tokens, and what only local models need: the fields that all of OpenAI's requests for text share."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tampu.wire import Int64

Number = int | float
DEFAULT_TEMPERATURE: Final = 1.0
"""OpenAI's; a model's own stored value does not apply, as in Ollama."""
_OPTIONS: Final = (
    "temperature", "top_p", "seed", "frequency_penalty", "presence_penalty",
    "num_ctx", "top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n",
)  # fmt: skip


class SamplingBody(msgspec.Struct):
    """The shared fields. Those from `num_ctx` on are ours; SDKs send them as `extra_body`."""

    model: str = ""
    stream: bool = False
    temperature: Number | None = None
    top_p: Number | None = None
    seed: Int64 | None = None
    frequency_penalty: Number | None = None
    presence_penalty: Number | None = None
    num_ctx: Int64 | None = None
    top_k: Int64 | None = None
    min_p: Number | None = None
    typical_p: Number | None = None
    repeat_penalty: Number | None = None
    repeat_last_n: Int64 | None = None
    options: dict[str, Any] = {}
    keep_alive: Any = None
    think: Any = None


def told_options(body: SamplingBody) -> Mapping[str, object]:
    """The options that the request sets, by the names that a model's own have; its fields win over its `options`."""
    given = {name: value for name in _OPTIONS if (value := getattr(body, name)) is not None}
    return {**body.options, **given}
