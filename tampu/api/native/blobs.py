"""`HEAD` and `POST /api/blobs/:digest`: is a blob stored, and storing one."""

import re

from tampu.api.dialect import EMPTY_OK, AnswerCodec, Call, Reply
from tampu.api.native.errors import PLAIN, native_error
from tampu.errors import BadRequest, BlobNotFound

# Both separators are accepted, as the digest may be written like a file name; the hash may be in any case.
_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}", re.ASCII)


def _decode(call: Call) -> str:
    digest = call.parameters["digest"]
    if not _DIGEST.fullmatch(digest):
        raise BadRequest("invalid digest format")
    return digest


def _encode_presence(digest: str, present: bool) -> Reply:
    if not present:
        raise BlobNotFound(digest)
    return EMPTY_OK


def _encode_receipt(_: str, created: bool) -> Reply:
    return Reply(201) if created else EMPTY_OK


HAS_BLOB_CODEC: AnswerCodec[str, bool] = AnswerCodec(
    decode=_decode, encode=_encode_presence, encode_error=lambda error: native_error(error, PLAIN)
)
RECEIVE_BLOB_CODEC: AnswerCodec[str, bool] = AnswerCodec(
    decode=_decode, encode=_encode_receipt, encode_error=lambda error: native_error(error, PLAIN)
)
