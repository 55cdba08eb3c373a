"""`POST /api/embed` and its legacy form `POST /api/embeddings`: texts in, vectors out."""

from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply, cut_headers, has_many_vectors
from tampu.api.loading import LoadingBody, request_of
from tampu.api.native.errors import EMBED, EMBEDDINGS, errors_of
from tampu.api.native.members import given
from tampu.errors import BadRequest
from tampu.generation import EmbeddingRequest, Embeddings
from tampu.wire import Int64
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _Body(LoadingBody):
    go_name: ClassVar = "EmbedRequest"

    input: Any = None
    truncate: bool = True
    dimensions: Int64 = 0


class _LegacyBody(LoadingBody):
    go_name: ClassVar = "EmbeddingRequest"

    prompt: str = ""


def _decode(call: Call) -> EmbeddingRequest:
    body = decode_json(_Body, call.body, call.passed_over)
    asked = {"truncate": body.truncate, "dimensions": max(body.dimensions, 0)}
    request = request_of(EmbeddingRequest, body, EMBED, inputs=(), **asked)
    # As in Ollama, a name that no model can have is told before an input that is none.
    return replace(request, inputs=_read_input(body.input))


def _read_input(value: Any) -> tuple[str, ...]:
    """One text or several. A single empty text asks for nothing but the model; one in a list is embedded."""
    match value:
        case None | "":
            return ()
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
        case _:
            raise BadRequest("invalid input type")


def _decode_legacy(call: Call) -> EmbeddingRequest:
    body = decode_json(_LegacyBody, call.body, call.passed_over)
    inputs = (body.prompt,) if body.prompt else ()
    return request_of(EmbeddingRequest, body, EMBEDDINGS, inputs=inputs, normalize=False)


def _encode(request: EmbeddingRequest, answer: Embeddings) -> Reply:
    counts: dict[str, int] = {}
    if request.inputs:
        counts = given(
            total_duration=answer.timings.total_ns,
            load_duration=answer.timings.load_ns,
            prompt_eval_count=answer.prompt_tokens,
        )
    answered = {"model": request.model, "embeddings": msgspec.Raw(_lists(answer)), **counts}
    return Reply(200, encode_json(answered), JSON_UTF8, cut_headers(answer))


def _lists(answer: Embeddings) -> bytes:
    """The vectors as JSON, each encoded by itself: in a thread, that lets others have their turn in between."""
    return b"[" + b",".join([encode_json(tuple(vector)) for vector in answer.vectors]) + b"]"


def _encode_legacy(_: EmbeddingRequest, answer: Embeddings) -> Reply:
    vector = answer.vectors[0] if answer.vectors else ()
    return Reply(200, encode_json({"embedding": tuple(vector)}), JSON_UTF8)


EMBED_CODEC: AnswerCodec[EmbeddingRequest, Embeddings] = AnswerCodec(
    decode=_decode,
    encode=_encode,
    encode_error=errors_of(EMBED),
    is_long=has_many_vectors,
)
LEGACY_CODEC: AnswerCodec[EmbeddingRequest, Embeddings] = AnswerCodec(
    decode=_decode_legacy, encode=_encode_legacy, encode_error=errors_of(EMBEDDINGS)
)
