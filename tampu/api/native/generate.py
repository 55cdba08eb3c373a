"""`POST /api/generate`: one prompt in, one text out."""

from typing import Any, ClassVar

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.fields import Image, read_images
from tampu.api.native.asking import AskingBody, read_asking
from tampu.api.native.errors import GENERATE, errors_of
from tampu.api.native.generation import GenerationWriter, Layout, Piece, written_call
from tampu.api.native.members import given
from tampu.generation import CompletionInput, GenerationEvent, GenerationRequest
from tampu.wire import Int64
from tampu.wire import decode as decode_json


class _Body(AskingBody):
    go_name: ClassVar = "GenerateRequest"

    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[Int64] | None = None
    raw: bool = False
    images: list[Image] = msgspec.field(default_factory=list)


def _decode(call: Call) -> GenerationRequest:
    body = decode_json(_Body, call.body, call.passed_over)
    wanted = CompletionInput(
        prompt=body.prompt,
        suffix=body.suffix,
        system=body.system,
        template=body.template,
        context=None if body.context is None else tuple(body.context),
        raw=body.raw,
        images=read_images(body.images),
    )
    return read_asking(body, wanted, GENERATE, raw=call.body)


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
    encode_error=errors_of(GENERATE),
)
