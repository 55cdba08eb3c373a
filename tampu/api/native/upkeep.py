"""`POST /api/verify` and `POST /api/purge`: routes of ours, in the shape of Ollama's long jobs."""

from typing import Any, assert_never

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.errors import UPKEEP, check_reference, native_error
from tampu.api.native.progress import ReportWriter, report_members
from tampu.management import PurgeRequest, VerifyRequest
from tampu.progress import SUCCESS, Progress
from tampu.upkeep import Purged, Verified
from tampu.wire import decode as decode_json


class _VerifyBody(msgspec.Struct):
    models: list[str] = []
    stream: bool = True


class _PurgeBody(msgspec.Struct):
    dry_run: bool = False
    stream: bool = True


def _decode_verify(call: Call) -> VerifyRequest:
    body = decode_json(_VerifyBody, call.body or b"{}")
    for name in body.models:
        check_reference(name, UPKEEP)
    return VerifyRequest(models=tuple(body.models), stream=body.stream)


def _decode_purge(call: Call) -> PurgeRequest:
    body = decode_json(_PurgeBody, call.body or b"{}")
    return PurgeRequest(dry_run=body.dry_run, stream=body.stream)


def _members(event: Progress | Verified | Purged) -> dict[str, Any]:
    match event:
        case Progress():
            return report_members(event)
        case Verified():
            damages = [
                {"digest": damage.digest, "problem": damage.problem, "models": list(damage.models)}
                for damage in event.damages
            ]
            return {"status": SUCCESS.status, "blobs": event.blobs, "bytes": event.bytes, "damages": damages}
        case Purged():
            files = [{"name": each.name, "kind": each.kind.value, "bytes": each.bytes} for each in event.leftovers]
            return {"status": SUCCESS.status, "bytes": event.bytes, "files": files}
        case _:
            assert_never(event)


VERIFY_CODEC: StreamCodec[VerifyRequest, Progress | Verified] = StreamCodec(
    decode=_decode_verify,
    writer=lambda request: ReportWriter(UPKEEP, _members, streams=request.stream),
    encode_error=lambda error: native_error(error, UPKEEP),
)
PURGE_CODEC: StreamCodec[PurgeRequest, Progress | Purged] = StreamCodec(
    decode=_decode_purge,
    writer=lambda request: ReportWriter(UPKEEP, _members, streams=request.stream),
    encode_error=lambda error: native_error(error, UPKEEP),
)
