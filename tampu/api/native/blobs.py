"""`HEAD` and `POST /api/blobs/:digest`: is a blob stored, and storing one; `/adopt`: from where it lies."""

import re

import msgspec

from tampu.api.dialect import EMPTY_OK, AnswerCodec, Call, Reply, StreamCodec
from tampu.api.native.errors import PLAIN, errors_of
from tampu.api.native.progress import progress_writer
from tampu.errors import BadRequest, BlobNotFound
from tampu.management import AdoptRequest
from tampu.progress import Progress
from tampu.wire import decode as decode_json

# Both separators are accepted, as the digest may be written like a file name; the hash may be in any case.
_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}", re.ASCII)


def _decode(call: Call) -> str:
    digest = call.parameters["digest"]
    if not _DIGEST.fullmatch(digest):
        raise BadRequest("invalid digest format")
    return digest


class _AdoptBody(msgspec.Struct):
    path: str = ""
    or_point: bool = False


def _decode_adoption(call: Call) -> AdoptRequest:
    digest, body = _decode(call), decode_json(_AdoptBody, call.body)
    return AdoptRequest(digest, body.path, or_point=body.or_point)


def _encode_presence(digest: str, present: bool) -> Reply:
    if not present:
        raise BlobNotFound(digest)
    return EMPTY_OK


def _encode_receipt(_: str, created: bool) -> Reply:
    return Reply(201) if created else EMPTY_OK


HAS_BLOB_CODEC: AnswerCodec[str, bool] = AnswerCodec(
    decode=_decode, encode=_encode_presence, encode_error=errors_of(PLAIN)
)
RECEIVE_BLOB_CODEC: AnswerCodec[str, bool] = AnswerCodec(
    decode=_decode, encode=_encode_receipt, encode_error=errors_of(PLAIN)
)
ADOPT_BLOB_CODEC: StreamCodec[AdoptRequest, Progress] = StreamCodec(
    decode=_decode_adoption,
    writer=lambda _: progress_writer(PLAIN, streams=True),
    encode_error=errors_of(PLAIN),
)
