"""The content of an answer: blocks that begin, grow and end one after the other, as a list or as events. Pure.

1. A block begins with the first piece of its kind that is not empty; it ends before the next one begins, or at the end.
2. Blocks are numbered as they begin.
3. A call is told whole.
4. Thoughts that are not to be shown keep their block, without their text.

The path of a token is short on purpose: all that is constant around a text is encoded when its block begins.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tampu.api.anthropic.calls import Block, Calls
from tampu.api.framing import sse
from tampu.generation import GenerationEvent, TextDelta, ThinkingDelta, ToolCallReady

_json = msgspec.json.Encoder().encode
_UNSIGNED = "unsigned"
"""Clients send back thoughts with a signature, and may drop others; nobody checks ours."""
_BEHIND_TEXT = b"}}\n\n"
_EMPTY_TEXT = b'""' + _BEHIND_TEXT
_FIRST: Mapping[str, Block] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
"""What a block is when it begins."""


def frame(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    return sse(_json({"type": kind, **fields}), event=kind)


def whole_blocks(events: Iterable[GenerationEvent], calls: Calls, *, shows_thoughts: bool) -> list[Block]:
    """The content of an answer that is over."""
    blocks: list[dict[str, Any]] = []
    for event in events:
        match event:
            case TextDelta(text=text) if text:
                _grown(blocks, "text")["text"] += text
            case ThinkingDelta(text=text) if text:
                _grown(blocks, "thinking")["thinking"] += text if shows_thoughts else ""
            case ToolCallReady(call=call):
                blocks += map(dict, calls.blocks(call))
    return [{**block, "signature": _UNSIGNED} if block["type"] == "thinking" else block for block in blocks]


def _grown(blocks: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The last block if it is of that kind, else a new one."""
    if not blocks or blocks[-1]["type"] != kind:
        blocks.append(dict(_FIRST[kind]))
    return blocks[-1]


class StreamedBlocks:
    """The content of an answer as events."""

    def __init__(self, calls: Calls, *, shows_thoughts: bool) -> None:
        self._calls, self._shows_thoughts = calls, shows_thoughts
        self._index = -1
        self._open = ""
        self._before_text = b""

    def show(self, event: GenerationEvent) -> bytes:
        """The events for a piece of the answer; nothing for what is no content."""
        match event:
            case TextDelta(text=text) if text:
                return self._grow("text", text)
            case ThinkingDelta(text=text) if text:
                return self._grow("thinking", text)
            case ToolCallReady(call=call):
                return self.close() + b"".join(map(self._whole, self._calls.blocks(call)))
            case _:
                return b""

    def close(self) -> bytes:
        """The end of the block that is open, if one is."""
        kind, self._open = self._open, ""
        signature = self._delta({"type": "signature_delta", "signature": _UNSIGNED}) if kind == "thinking" else b""
        return signature + self._stop() if kind else b""

    def _grow(self, kind: str, text: str) -> bytes:
        begun = b"" if self._open == kind else self._begin(kind)
        if kind == "thinking" and not self._shows_thoughts:
            return begun
        return begun + self._before_text + _json(text) + _BEHIND_TEXT

    def _begin(self, kind: str) -> bytes:
        begun = self.close() + self._start(_FIRST[kind])
        self._open = kind
        self._before_text = self._delta({"type": f"{kind}_delta", kind: ""}).removesuffix(_EMPTY_TEXT)
        return begun

    def _whole(self, block: Block) -> bytes:
        """A block that is complete: the arguments of a call come as a piece of their own, any other at once."""
        if block["type"] != "tool_use":
            return self._start(block) + self._stop()
        started = self._start({**block, "input": {}})
        arguments = {"type": "input_json_delta", "partial_json": _json(block["input"]).decode()}
        return started + self._delta(arguments) + self._stop()

    def _start(self, block: Block) -> bytes:
        self._index += 1
        return frame("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: Block) -> bytes:
        return frame("content_block_delta", index=self._index, delta=delta)

    def _stop(self) -> bytes:
        return frame("content_block_stop", index=self._index)
