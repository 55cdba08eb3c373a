"""`POST /api/copy` and `DELETE /api/delete`: both answer with nothing but their status."""

from typing import ClassVar

import msgspec

from tampu.api.dialect import EMPTY_OK, AnswerCodec, Call, Reply
from tampu.api.native.errors import COPY_DESTINATION, COPY_SOURCE, DELETE, errors_of
from tampu.api.words import check_name, check_reference
from tampu.management import CopyRequest, DeleteRequest
from tampu.wire import decode as decode_json


class _CopyBody(msgspec.Struct):
    go_name: ClassVar = "CopyRequest"

    source: str = ""
    destination: str = ""


class _DeleteBody(msgspec.Struct):
    go_name: ClassVar = "DeleteRequest"

    model: str = ""
    name: str = ""


def _decode_copy(call: Call) -> CopyRequest:
    body = decode_json(_CopyBody, call.body)
    # Suffixes such as `:local` are plain tags here.
    check_name(body.source, COPY_SOURCE)
    check_name(body.destination, COPY_DESTINATION)
    return CopyRequest(body.source, body.destination)


def _decode_delete(call: Call) -> DeleteRequest:
    body = decode_json(_DeleteBody, call.body)
    name = body.model or body.name
    check_reference(name, DELETE)
    return DeleteRequest(name)


def _nothing(_: object, __: None) -> Reply:
    return EMPTY_OK


COPY_CODEC: AnswerCodec[CopyRequest, None] = AnswerCodec(
    decode=_decode_copy, encode=_nothing, encode_error=errors_of(COPY_SOURCE)
)
DELETE_CODEC: AnswerCodec[DeleteRequest, None] = AnswerCodec(
    decode=_decode_delete, encode=_nothing, encode_error=errors_of(DELETE)
)
