"""`GET /api/queue`, `DELETE /api/queue/:id`: the requests for models that are under way. Routes of ours."""

from collections.abc import Sequence
from typing import Any

from tampu.api.dialect import EMPTY_OK, JSON_UTF8, AnswerCodec, Reply
from tampu.api.native.errors import PLAIN, errors_of
from tampu.api.native.members import given
from tampu.descriptions import QueuedRequest
from tampu.units import format_timestamp
from tampu.wire import encode as encode_json


def _encode(_: None, requests: Sequence[QueuedRequest]) -> Reply:
    return Reply(200, encode_json({"requests": [_members(request) for request in requests]}), JSON_UTF8)


def _members(request: QueuedRequest) -> dict[str, Any]:
    standing = request.standing
    return {
        "id": standing.request_id,
        "model": standing.model,
        "state": standing.state.value,
        **given(position=standing.position),
        "since": format_timestamp(request.since_ns, utc=False),
        "client": request.client,
    }


QUEUE_CODEC: AnswerCodec[None, Sequence[QueuedRequest]] = AnswerCodec(
    decode=lambda _: None, encode=_encode, encode_error=errors_of(PLAIN)
)
CANCEL_CODEC: AnswerCodec[str, None] = AnswerCodec(
    decode=lambda call: call.parameters["id"],
    encode=lambda *_: EMPTY_OK,
    encode_error=errors_of(PLAIN),
)
