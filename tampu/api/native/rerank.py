"""Ours: `POST /api/rerank`, documents in the order of how well they answer a query."""

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply
from tampu.api.fields import read_keep_alive
from tampu.api.native.asking import LoadingBody
from tampu.api.native.errors import VOCABULARY, native_error
from tampu.api.native.members import given, timed
from tampu.api.words import check_reference
from tampu.errors import BadRequest
from tampu.generation import Ranking, RerankRequest
from tampu.wire import Int64
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _Body(LoadingBody):
    query: str = ""
    documents: list[str] = msgspec.field(default_factory=list)
    top_n: Int64 | None = None


def _decode(call: Call) -> RerankRequest:
    body = decode_json(_Body, call.body)
    check_reference(body.model, VOCABULARY)
    if body.top_n is not None and body.top_n < 1:
        raise BadRequest("top_n must be at least 1")
    return RerankRequest(
        model=body.model,
        query=body.query,
        documents=tuple(body.documents),
        top=body.top_n,
        options=body.options,
        keep_alive=read_keep_alive(body.keep_alive),
    )


def _encode(request: RerankRequest, answer: Ranking) -> Reply:
    results = [{"index": rank.index, "relevance_score": rank.score} for rank in answer.ranks]
    counts = given(**timed(answer.timings), prompt_eval_count=answer.prompt_tokens)
    return Reply(200, encode_json({"model": request.model, "results": results, **counts}), JSON_UTF8)


RERANK_CODEC: AnswerCodec[RerankRequest, Ranking] = AnswerCodec(
    decode=_decode, encode=_encode, encode_error=lambda error: native_error(error, VOCABULARY)
)
