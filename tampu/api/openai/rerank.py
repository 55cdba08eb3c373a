"""`POST /v1/rerank`, which OpenAI does not have: in the shape that Jina, Cohere and other local servers share."""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.loading import RerankBody, read_rerank
from tampu.api.openai.errors import CHAT, errors_of
from tampu.errors import BadRequest
from tampu.generation import Rank, Ranking, RerankRequest
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _Body(RerankBody):
    documents: list[Any] = msgspec.field(default_factory=list)
    return_documents: bool = False


@dataclass(frozen=True, slots=True)
class RerankCall:
    """A request for ranks, and whether the documents come back with them."""

    request: RerankRequest
    returns_documents: bool = False


def _decode(call: Call) -> RerankCall:
    body = decode_json(_Body, call.body, call.passed_over)
    documents = [_text(item, place) for place, item in enumerate(body.documents)]
    return RerankCall(read_rerank(body, documents, CHAT), body.return_documents)


def _text(document: Any, place: int) -> str:
    match document:
        case str(text) | {"text": str(text)}:
            return text
        case _:
            raise BadRequest(f'documents[{place}] must be a text or {{"text": TEXT}}')


def _encode(call: RerankCall, answer: Ranking) -> Reply:
    told = {
        "id": f"rerank-{secrets.token_hex(12)}",
        "object": "list",
        "model": call.request.model,
        "results": [_result(call, rank) for rank in answer.ranks],
        "usage": {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens},
    }
    return Reply(200, encode_json(told), JSON)


def _result(call: RerankCall, rank: Rank) -> dict[str, Any]:
    document = {"document": {"text": call.request.documents[rank.index]}} if call.returns_documents else {}
    return {"index": rank.index, "relevance_score": rank.score, **document}


CODEC: AnswerCodec[RerankCall, Ranking] = AnswerCodec(decode=_decode, encode=_encode, encode_error=errors_of(CHAT))
