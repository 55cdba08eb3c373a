"""`POST /v1/embeddings`: texts or lists of tokens in, vectors out, as numbers or in base64."""

import sys
from array import array
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply, cut_headers, has_many_vectors
from tampu.api.loading import LoadingBody, request_of
from tampu.api.openai.errors import EMBEDDINGS, errors_of
from tampu.api.openai.kinds import are_tokens
from tampu.api.words import check_reference
from tampu.errors import BadRequest, InvalidParameter
from tampu.generation import EmbeddingInput, EmbeddingRequest, Embeddings
from tampu.wire import Int64
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json

_FORMATS = ("float", "base64")


class _Body(LoadingBody):
    go_name: ClassVar = "openai.EmbedRequest"

    input: Any = None
    dimensions: Int64 = 0
    encoding_format: str = "float"
    truncate: bool = True


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """A request for vectors, and whether they go out in base64."""

    request: EmbeddingRequest
    in_base64: bool = False


def _decode(call: Call) -> EmbeddingCall:
    body = decode_json(_Body, call.body, call.passed_over)
    form = body.encoding_format.lower() or _FORMATS[0]
    if form not in _FORMATS:
        shown = body.encoding_format
        raise BadRequest(f"Invalid value for 'encoding_format' = {shown}. Supported values: ['float', 'base64'].")
    if body.input is None or body.input == []:
        raise BadRequest("invalid input")
    check_reference(body.model, EMBEDDINGS)
    asked = {
        "inputs": _read_input(body.input),
        "truncate": body.truncate,
        "dimensions": max(body.dimensions, 0),
        "holds_to_context": False,  # Ollama knows no options on this route
    }
    return EmbeddingCall(request_of(EmbeddingRequest, body, EMBEDDINGS, **asked), in_base64=form == "base64")


def _read_input(value: Any) -> tuple[EmbeddingInput, ...]:
    """One input or several; an empty text is embedded like any other."""
    match value:
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
        case list() if are_tokens(value):
            return (tuple(value),)
        case list() if all(isinstance(item, list) and item and are_tokens(item) for item in value):
            return tuple(tuple(item) for item in value)
        case _:
            raise InvalidParameter("invalid input type")


def _encode(call: EmbeddingCall, answer: Embeddings) -> Reply:
    write = _base64 if call.in_base64 else _numbers
    data = [
        {"object": "embedding", "embedding": msgspec.Raw(write(vector)), "index": index}
        for index, vector in enumerate(answer.vectors)
    ]
    usage = {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens}
    told = {"object": "list", "data": data, "model": call.request.model, "usage": usage}
    return Reply(200, encode_json(told), JSON, cut_headers(answer))


def _numbers(vector: Sequence[float]) -> bytes:
    return encode_json(tuple(vector))


def _base64(vector: Sequence[float]) -> bytes:
    """Little-endian 32-bit numbers."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b'"%b"' % b64encode(numbers.tobytes())


CODEC: AnswerCodec[EmbeddingCall, Embeddings] = AnswerCodec(
    decode=_decode,
    encode=_encode,
    encode_error=errors_of(EMBEDDINGS),
    is_long=has_many_vectors,
)
