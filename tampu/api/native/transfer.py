"""`POST /api/pull` and `/api/push`: fetch or send a model, with reports."""

from typing import ClassVar

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.errors import PULL, PUSH, errors_of
from tampu.api.native.progress import progress_writer
from tampu.api.words import check_reference
from tampu.errors import BadRequest
from tampu.management import TransferRequest
from tampu.progress import Progress
from tampu.units import parse_rate
from tampu.wire import decode as decode_json


class _PushBody(msgspec.Struct):
    go_name: ClassVar = "PushRequest"

    model: str = ""
    name: str = ""
    stream: bool = True
    insecure: bool = False
    # They change nothing any more, but have to be texts.
    username: str = ""
    password: str = ""


class _PullBody(_PushBody):
    go_name: ClassVar = "PullRequest"

    limit_rate: int | str = 0


def _decode(call: Call) -> TransferRequest:
    body = decode_json(_PullBody, call.body)
    name = body.model or body.name
    check_reference(name, PULL)
    limit_rate = parse_rate(str(body.limit_rate))
    return TransferRequest(model=name, stream=body.stream, insecure=body.insecure, limit_rate=limit_rate)


PULL_CODEC: StreamCodec[TransferRequest, Progress] = StreamCodec(
    decode=_decode,
    writer=lambda request: progress_writer(PULL, streams=request.stream),
    encode_error=errors_of(PULL),
)


def _decode_push(call: Call) -> TransferRequest:
    """A bad name is no error yet: as in Ollama, it is told after the first report."""
    body = decode_json(_PushBody, call.body)
    name = body.model or body.name
    if not name:
        raise BadRequest(PUSH.empty)
    return TransferRequest(model=name, stream=body.stream, insecure=body.insecure)


PUSH_CODEC: StreamCodec[TransferRequest, Progress] = StreamCodec(
    decode=_decode_push,
    writer=lambda request: progress_writer(PUSH, streams=request.stream),
    encode_error=errors_of(PUSH),
)
