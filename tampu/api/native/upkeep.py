"""Routes of ours, in the shape of Ollama's: `/api/verify`, `/api/purge`, `/api/partials`, `/api/doctor`."""

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply, StreamCodec
from tampu.api.native.errors import UPKEEP, errors_of
from tampu.api.native.progress import ReportWriter, report_members
from tampu.api.words import check_reference
from tampu.management import PurgeRequest, VerifyRequest
from tampu.progress import SUCCESS, Progress
from tampu.units import format_timestamp
from tampu.upkeep import Finding, Purged, Unfinished, Verified
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


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


def _encode_partials(_: None, found: Sequence[Unfinished]) -> Reply:
    return Reply(200, encode_json({"partials": [_partial(each) for each in found]}), JSON_UTF8)


def _partial(unfinished: Unfinished) -> dict[str, Any]:
    return {
        "model": unfinished.model,
        "digest": unfinished.digest,
        "size": unfinished.size,
        "completed": unfinished.completed,
        "modified_at": format_timestamp(unfinished.modified_ns, utc=False),
        "running": unfinished.is_running,
    }


def _encode_findings(_: None, found: Sequence[Finding]) -> Reply:
    told = [{"topic": each.topic, "verdict": each.verdict.value, "text": each.text, **_advice(each)} for each in found]
    return Reply(200, encode_json({"findings": told}), JSON_UTF8)


def _advice(finding: Finding) -> dict[str, str]:
    return {"advice": finding.advice} if finding.advice else {}


DOCTOR_CODEC: AnswerCodec[None, Sequence[Finding]] = AnswerCodec(
    decode=lambda _: None, encode=_encode_findings, encode_error=errors_of(UPKEEP)
)
PARTIALS_CODEC: AnswerCodec[None, Sequence[Unfinished]] = AnswerCodec(
    decode=lambda _: None, encode=_encode_partials, encode_error=errors_of(UPKEEP)
)
VERIFY_CODEC: StreamCodec[VerifyRequest, Progress | Verified] = StreamCodec(
    decode=_decode_verify,
    writer=lambda request: ReportWriter(UPKEEP, _members, streams=request.stream),
    encode_error=errors_of(UPKEEP),
)
PURGE_CODEC: StreamCodec[PurgeRequest, Progress | Purged] = StreamCodec(
    decode=_decode_purge,
    writer=lambda request: ReportWriter(UPKEEP, _members, streams=request.stream),
    encode_error=errors_of(UPKEEP),
)
