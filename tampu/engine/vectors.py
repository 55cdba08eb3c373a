"""What an engine is asked for vectors, and what it answers. Pure."""

import math
import sys
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

from tampu.engine.protocol import EngineVectors


class _Vector(msgspec.Struct):
    embedding: bytes | tuple[float | None, ...] = b""
    """Base64 of 32-bit numbers; numbers in text from an engine too old for that, where null is what is no number."""
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class VectorsAnswer(msgspec.Struct):
    """The engine's answer; a vector for each input, in any order."""

    data: list[_Vector] = []
    usage: _Usage = msgspec.field(default_factory=_Usage)

    def vectors(self) -> EngineVectors:
        """The vectors in the order of their inputs."""
        in_order = sorted(self.data, key=lambda item: item.index)
        return EngineVectors(tuple(_numbers(item.embedding) for item in in_order), self.usage.prompt_tokens)


def vectors_body(inputs: Sequence[str | Sequence[int]], *, normalize: bool) -> dict[str, Any]:
    """The body of `/v1/embeddings`. Base64 costs both sides a fifth of what decimal numbers do."""
    return {
        "input": [item if isinstance(item, str) else list(item) for item in inputs],
        "encoding_format": "base64",
        "embd_normalize": 2 if normalize else -1,
    }


def _numbers(embedding: bytes | tuple[float | None, ...]) -> tuple[float, ...]:
    if isinstance(embedding, tuple):
        return tuple(math.nan if number is None else number for number in embedding)
    numbers = array("f", embedding[: len(embedding) // 4 * 4])
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)
