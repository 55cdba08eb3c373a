"""Short ways to ask of the dialect."""

import json
from typing import Any

from tampu.api.dialect import Call
from tampu.api.openai.responses import create
from tampu.api.openai.responses.asked import Asked
from tampu.api.openai.responses.writer import ResponseWriter
from tampu.generation import ChatInput, FinishReason, GenerationEvent, Usage
from tampu.messages import Message
from tampu.operations.responses import joined
from tampu.responses import Ending, Keeping, ResponseEnded


def asked(**fields: Any) -> Asked:
    return create.CODEC.decode(Call(json.dumps({"model": "m", "input": "hi", **fields}).encode()))


def chat_of(request: Asked) -> ChatInput:
    chat = request.generation.input
    assert isinstance(chat, ChatInput)
    return chat


def messages(items: Any, **fields: Any) -> list[Message]:
    return list(chat_of(asked(input=items, **fields)).messages)


def ending(reason: FinishReason = FinishReason.STOP, **fields: Any) -> Ending:
    return Ending(**{"reason": reason, "usage": Usage(11, 5, 6, 2), "at_s": 1000, "keeping": Keeping.LONG, **fields})


def ended(request: Asked, events: list[GenerationEvent], reason: FinishReason = FinishReason.STOP) -> ResponseEnded:
    return ResponseEnded(request.document(joined(events), ending(reason)), reason)


def streamed(request: Asked, events: list[GenerationEvent], reason: FinishReason = FinishReason.STOP) -> list[Any]:
    """The events of a whole stream."""
    writer = ResponseWriter(request)
    raw = b"".join([*map(writer.chunk, events), writer.chunk(ended(request, events, reason)), writer.end()])
    return read_frames(raw)


def read_frames(raw: bytes) -> list[Any]:
    frames = raw.decode().split("\n\n")
    assert frames.pop() == ""
    told = []
    for frame in frames:
        event, data = frame.split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert event == f"event: {told[-1]['type']}"
    return told
