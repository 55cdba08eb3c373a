"""What every answer and every chunk of one has around its choices, and the counts at its end."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from tampu.api.framing import sse
from tampu.api.openai.asking import Asked
from tampu.api.openai.usage import told_cached, told_thoughts
from tampu.generation import Usage

_json = msgspec.json.Encoder().encode
_FINGERPRINT = "fp_ollama"
DONE = sse(b"[DONE]")


class Envelope:
    """One answer's id, moment and model, encoded once. `kinds`: what a whole answer and a chunk call themselves."""

    def __init__(self, asked: Asked, *, prefix: str, kinds: tuple[str, str]) -> None:
        self._whole_kind, self._chunk_kind = kinds
        self._id, self._created, self._model = prefix + secrets.token_hex(12), int(time.time()), asked.first.model
        # Where the last chunk has counts, every other one says that it has none.
        self._no_usage = {"usage": None} if asked.includes_usage else {}

    def whole(self, choices: Sequence[Any], **more: Any) -> bytes:
        """The whole answer."""
        return _json({**self._opening(self._whole_kind), "choices": choices, **more})

    def chunk(self, choice: dict[str, Any]) -> bytes:
        """One event with one choice."""
        return sse(_json({**self._opening(self._chunk_kind), "choices": [choice], **self._no_usage}))

    def usage_chunk(self, usage: dict[str, Any]) -> bytes:
        """The event with the counts."""
        return sse(_json({**self._opening(self._chunk_kind), "choices": [], "usage": usage}))

    def around(self, before: bytes, after: bytes) -> tuple[bytes, bytes]:
        """What stands around the JSON of a text in a chunk with a choice that is `before`, the text, `after`."""
        head = _json(self._opening(self._chunk_kind)).removesuffix(b"}") + b',"choices":[' + before
        tail = after + b"]" + (b',"usage":null' if self._no_usage else b"") + b"}"
        return b"data: " + head, tail + b"\n\n"

    def _opening(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "system_fingerprint": _FINGERPRINT,
        }


class Tally:
    """The counts of all answers together; a prompt with several answers counts once."""

    def __init__(self, alternatives: int) -> None:
        self._alternatives = alternatives
        self._prompts: dict[int, Usage] = {}
        self._completion_tokens = self._thinking_tokens = 0

    def add(self, choice: int, usage: Usage) -> None:
        """Count the answer number `choice`."""
        self._prompts.setdefault(choice // self._alternatives, usage)
        self._completion_tokens += usage.completion_tokens
        self._thinking_tokens += usage.thinking_tokens

    def written(self) -> dict[str, Any]:
        """The counts as OpenAI writes them."""
        prompt_tokens = sum(usage.prompt_tokens for usage in self._prompts.values())
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": self._completion_tokens,
            "total_tokens": prompt_tokens + self._completion_tokens,
            **self._details(),
        }

    def _details(self) -> dict[str, Any]:
        """What is behind the counts, where it is worth a word; Ollama, and so its clients, know none of it."""
        cached = told_cached(sum(usage.cached_tokens for usage in self._prompts.values()))
        thoughts = told_thoughts(self._thinking_tokens)
        return {
            **({"prompt_tokens_details": {"cached_tokens": cached}} if cached else {}),
            **({"completion_tokens_details": {"reasoning_tokens": thoughts}} if thoughts else {}),
        }
