"""`POST /api/generate`: one prompt in, one text out."""

from typing import Any

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.errors import GENERATE, check_reference, native_error
from tampu.api.native.fields import read_format, read_images, read_keep_alive, read_think, read_top_logprobs
from tampu.api.native.generation import GenerationWriter, Layout, Piece, written_call
from tampu.api.native.members import given
from tampu.generation import CompletionInput, GenerationEvent, GenerationRequest
from tampu.wire import Int64
from tampu.wire import decode as decode_json


class _Body(msgspec.Struct):
    model: str = ""
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[Int64] | None = None
    stream: bool = True
    raw: bool = False
    format: Any = None
    keep_alive: Any = None
    images: list[str] = []
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
        input=CompletionInput(
            prompt=body.prompt,
            suffix=body.suffix,
            system=body.system,
            template=body.template,
            context=None if body.context is None else tuple(body.context),
            raw=body.raw,
            images=read_images(body.images),
        ),
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
    check_reference(request.model, GENERATE)
    return request


def _members(piece: Piece) -> dict[str, Any]:
    return {"response": piece.text, **given(thinking=piece.thinking)}


def _late_members(piece: Piece) -> dict[str, Any]:
    # This route's calls carry no id.
    return given(tool_calls=[written_call(call) for call in piece.calls])


_LAYOUT = Layout(
    text_before=b'"response":',
    text_after=b"",
    members=_members,
    late_members=_late_members,
    rendered={"response": ""},
    errors=GENERATE,
)

CODEC: StreamCodec[GenerationRequest, GenerationEvent] = StreamCodec(
    decode=_decode,
    writer=lambda request: GenerationWriter(request, _LAYOUT),
    encode_error=lambda error: native_error(error, GENERATE),
)
