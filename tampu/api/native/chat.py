"""`POST /api/chat`: a conversation in, its next message out."""

from typing import Any

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.errors import CHAT, check_reference, native_error
from tampu.api.native.fields import read_format, read_images, read_keep_alive, read_think, read_top_logprobs
from tampu.api.native.generation import GenerationWriter, Layout, Piece, written_call
from tampu.api.native.members import given
from tampu.generation import ChatInput, GenerationEvent, GenerationRequest
from tampu.messages import Message, Tool, ToolCall, ToolCallFunction
from tampu.wire import Int64
from tampu.wire import decode as decode_json


class ToolCallBody(msgspec.Struct):
    """A call as a client sends it back: all of it may be left out."""

    id: str = ""
    function: ToolCallFunction = msgspec.field(default_factory=ToolCallFunction)


class MessageBody(msgspec.Struct):
    """A message of a chat request; `create` takes the same shape."""

    role: str = ""
    content: str = ""
    thinking: str = ""
    images: list[str] = []
    tool_calls: list[ToolCallBody] = []
    tool_name: str = ""
    tool_call_id: str = ""

    def message(self) -> Message:
        """The message with its images decoded; raises BadRequest."""
        return Message(
            role=self.role.lower(),
            content=self.content,
            thinking=self.thinking,
            images=read_images(self.images),
            tool_calls=tuple(ToolCall(function=call.function, id=call.id) for call in self.tool_calls),
            tool_name=self.tool_name,
            tool_call_id=self.tool_call_id,
        )


class _Body(msgspec.Struct):
    model: str = ""
    messages: list[MessageBody] = []
    tools: list[Tool] = []
    stream: bool = True
    format: Any = None
    keep_alive: Any = None
    options: dict[str, Any] = {}
    think: Any = None
    truncate: bool = True
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: Int64 = 0
    debug_render_only: bool = msgspec.field(default=False, name="_debug_render_only")


def _decode(call: Call) -> GenerationRequest:
    body = decode_json(_Body, call.body)
    request = GenerationRequest(
        model=body.model,
        input=ChatInput(messages=tuple(item.message() for item in body.messages), tools=tuple(body.tools)),
        stream=body.stream,
        options=body.options,
        format=read_format(body.format),
        think=read_think(body.think),
        keep_alive=read_keep_alive(body.keep_alive),
        truncate=body.truncate,
        shift=body.shift,
        top_logprobs=read_top_logprobs(body.top_logprobs),
        logprobs=body.logprobs,
        debug_render_only=body.debug_render_only,
    )
    check_reference(request.model, CHAT)
    return request


def _members(piece: Piece) -> dict[str, Any]:
    calls = [{**given(id=call.id), **written_call(call)} for call in piece.calls]
    return {"message": {"role": "assistant", "content": piece.text, **given(thinking=piece.thinking, tool_calls=calls)}}


def _late_members(_: Piece) -> dict[str, Any]:
    return {}


_LAYOUT = Layout(
    text_before=b'"message":{"role":"assistant","content":',
    text_after=b"}",
    members=_members,
    late_members=_late_members,
    rendered={"message": {"role": "", "content": ""}},
    errors=CHAT,
)

CODEC: StreamCodec[GenerationRequest, GenerationEvent] = StreamCodec(
    decode=_decode,
    writer=lambda request: GenerationWriter(request, _LAYOUT),
    encode_error=lambda error: native_error(error, CHAT),
)
