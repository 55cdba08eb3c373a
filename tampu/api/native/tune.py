"""`POST /api/tune`: measure how a model runs best here. A route of ours, in the shape of Ollama's jobs."""

from typing import Any

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.errors import UPKEEP, errors_of
from tampu.api.native.progress import ReportWriter, report_members
from tampu.api.words import check_reference
from tampu.errors import BadRequest
from tampu.progress import SUCCESS, Progress
from tampu.upkeep import Tuned, TuneRequest
from tampu.wire import decode as decode_json


class _Body(msgspec.Struct):
    model: str = ""
    dry_run: bool = False
    reset: bool = False
    stream: bool = True


def _decode(call: Call) -> TuneRequest:
    body = decode_json(_Body, call.body or b"{}")
    if not body.model:
        raise BadRequest("model is required")
    check_reference(body.model, UPKEEP)
    return TuneRequest(body.model, dry_run=body.dry_run, reset=body.reset, stream=body.stream)


def _members(event: Progress | Tuned) -> dict[str, Any]:
    if isinstance(event, Progress):
        return report_members(event)
    tried = [
        {"what": each.what, "value": each.value, "gain": round(each.gain, 3), "kept": each.is_kept}
        | ({"problem": each.problem} if each.problem else {})
        for each in event.tried
    ]
    return {"status": SUCCESS.status, "tried": tried, "values": dict(event.values)}


CODEC: StreamCodec[TuneRequest, Progress | Tuned] = StreamCodec(
    decode=_decode,
    writer=lambda request: ReportWriter(UPKEEP, _members, streams=request.stream),
    encode_error=errors_of(UPKEEP),
)
