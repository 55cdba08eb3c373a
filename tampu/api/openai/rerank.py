"""`POST /v1/rerank`, which OpenAI does not have: in the shape that Jina, Cohere and other local servers share."""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.fields import read_keep_alive
from tampu.api.openai.errors import CHAT, openai_error
from tampu.api.words import check_reference
from tampu.errors import BadRequest
from tampu.generation import Rank, Ranking, RerankRequest
from tampu.wire import Int64
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _Body(msgspec.Struct):
    model: str = ""
    query: str = ""
    documents: list[Any] = msgspec.field(default_factory=list)
    top_n: Int64 | None = None
    return_documents: bool = False
    options: dict[str, Any] = {}
    keep_alive: Any = None


@dataclass(frozen=True, slots=True)
class RerankCall:
    """A request for ranks, and whether the documents come back with them."""

    request: RerankRequest
    returns_documents: bool = False


def _decode(call: Call) -> RerankCall:
    body = decode_json(_Body, call.body)
    if body.top_n is not None and body.top_n < 1:
        raise BadRequest("top_n must be at least 1")
    request = RerankRequest(
        model=body.model,
        query=body.query,
        documents=tuple(_text(item, place) for place, item in enumerate(body.documents)),
        top=body.top_n,
        options=body.options,
        keep_alive=read_keep_alive(body.keep_alive),
    )
    check_reference(body.model, CHAT)
    return RerankCall(request, body.return_documents)


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


CODEC: AnswerCodec[RerankCall, Ranking] = AnswerCodec(
    decode=_decode, encode=_encode, encode_error=lambda error: openai_error(error, CHAT)
)
