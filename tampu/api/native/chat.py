"""`POST /api/chat`: a conversation in, its next message out."""

from typing import Annotated, Any, ClassVar

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.fields import Image, read_images, read_tool_choice
from tampu.api.native.asking import AskingBody, read_asking
from tampu.api.native.errors import CHAT, errors_of
from tampu.api.native.generation import GenerationWriter, Layout, Piece, written_call
from tampu.api.native.members import given
from tampu.generation import ChatInput, GenerationEvent, GenerationRequest
from tampu.messages import Message, Tool, ToolCall, ToolCallFunction
from tampu.wire import decode as decode_json


class ToolCallBody(msgspec.Struct):
    """A call as a client sends it back: all of it may be left out."""

    go_name: ClassVar = "ToolCall"

    id: str = ""
    function: ToolCallFunction = msgspec.field(default_factory=ToolCallFunction)


class MessageBody(msgspec.Struct):
    """A message of a chat request; `create` takes the same shape."""

    go_name: ClassVar = "Message"
    reads_itself: ClassVar = True

    role: str = ""
    content: str = ""
    thinking: str = ""
    images: list[Image] = []
    tool_calls: list[ToolCallBody] = []
    tool_name: str = ""
    tool_call_id: str = ""

    def message(self, place: str = "messages") -> Message:
        """The message with its images decoded; raises BadRequest, where `place` says which message it is."""
        return Message(
            role=self.role.lower(),
            content=self.content,
            thinking=self.thinking,
            images=read_images(self.images, place=f"{place}.images"),
            tool_calls=tuple(ToolCall(function=call.function, id=call.id) for call in self.tool_calls),
            tool_name=self.tool_name,
            tool_call_id=self.tool_call_id,
        )


class _Body(AskingBody):
    go_name: ClassVar = "ChatRequest"

    messages: list[MessageBody] = msgspec.field(default_factory=list)
    tools: Annotated[list[Tool], msgspec.Meta(title="api.Tools")] = msgspec.field(default_factory=list)
    tool_choice: Any = None
    describe_tools: bool | None = None


def _decode(call: Call) -> GenerationRequest:
    body = decode_json(_Body, call.body, call.passed_over)
    wanted = ChatInput(
        messages=tuple(item.message(f"messages[{number}]") for number, item in enumerate(body.messages)),
        tools=tuple(body.tools),
        tool_choice=read_tool_choice(body.tool_choice),
        describe_tools=body.describe_tools,
    )
    return read_asking(body, wanted, CHAT, raw=call.body)


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
    encode_error=errors_of(CHAT),
)
