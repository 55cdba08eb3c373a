"""Routes of ours about engines: `GET /api/engines`, `POST /api/engines/use`, `POST /api/engines/build`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply, StreamCodec
from tampu.api.native.errors import UPKEEP, errors_of
from tampu.api.native.progress import progress_writer
from tampu.errors import BadRequest
from tampu.progress import Progress
from tampu.upkeep import BuildEngineRequest, FoundEngine
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _UseBody(msgspec.Struct):
    name: str = ""


class _BuildBody(msgspec.Struct):
    name: str = ""
    source: str = ""
    stream: bool = True


def _decode_use(call: Call) -> str:
    body = decode_json(_UseBody, call.body or b"{}")
    if not body.name:
        raise BadRequest("name is required: which engine to use")
    return body.name


def _decode_build(call: Call) -> BuildEngineRequest:
    body = decode_json(_BuildBody, call.body or b"{}")
    return BuildEngineRequest(name=body.name, source=body.source, stream=body.stream)


def _encode_engines(_: None, found: Sequence[FoundEngine]) -> Reply:
    return Reply(200, encode_json({"engines": [_engine(each) for each in found]}), JSON_UTF8)


def _engine(engine: FoundEngine) -> dict[str, Any]:
    told: dict[str, Any] = {"name": engine.name, "origin": engine.origin, "version": engine.version}
    told |= {"features": list(engine.features), "used": engine.is_used}
    optional = {"path": engine.path, "problem": engine.problem, "why": engine.why}
    return told | {key: text for key, text in optional.items() if text}


LIST_CODEC: AnswerCodec[None, Sequence[FoundEngine]] = AnswerCodec(
    decode=lambda _: None, encode=_encode_engines, encode_error=errors_of(UPKEEP)
)
USE_CODEC: AnswerCodec[str, None] = AnswerCodec(
    decode=_decode_use,
    encode=lambda _, __: Reply(200, b"{}", JSON_UTF8),
    encode_error=errors_of(UPKEEP),
)
BUILD_CODEC: StreamCodec[BuildEngineRequest, Progress] = StreamCodec(
    decode=_decode_build,
    writer=lambda request: progress_writer(UPKEEP, streams=request.stream),
    encode_error=errors_of(UPKEEP),
)
