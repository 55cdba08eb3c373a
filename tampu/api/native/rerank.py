"""Ours: `POST /api/rerank`, documents in the order of how well they answer a query."""

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply
from tampu.api.loading import RerankBody, read_rerank
from tampu.api.native.errors import VOCABULARY, errors_of
from tampu.api.native.members import given, timed
from tampu.generation import Ranking, RerankRequest
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _Body(RerankBody):
    documents: list[str] = msgspec.field(default_factory=list)


def _decode(call: Call) -> RerankRequest:
    body = decode_json(_Body, call.body, call.passed_over)
    return read_rerank(body, body.documents, VOCABULARY)


def _encode(request: RerankRequest, answer: Ranking) -> Reply:
    results = [{"index": rank.index, "relevance_score": rank.score} for rank in answer.ranks]
    counts = given(**timed(answer.timings), prompt_eval_count=answer.prompt_tokens)
    return Reply(200, encode_json({"model": request.model, "results": results, **counts}), JSON_UTF8)


RERANK_CODEC: AnswerCodec[RerankRequest, Ranking] = AnswerCodec(
    decode=_decode, encode=_encode, encode_error=errors_of(VOCABULARY)
)
