"""What any request says of the model that it wants, and the requests without text that dialects decode alike."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from tampu.api.dialect import Call
from tampu.api.fields import read_keep_alive
from tampu.api.words import RouteWords, check_reference
from tampu.errors import BadRequest
from tampu.generation import DetokenizeRequest, EmbeddingRequest, RerankRequest, TokenizeRequest
from tampu.wire import Int64, decode

RequestT = TypeVar("RequestT", DetokenizeRequest, EmbeddingRequest, RerankRequest, TokenizeRequest)


class LoadingBody(msgspec.Struct):
    """What any request may say of the model that it wants: which, how it is run, how long it stays."""

    model: str = ""
    keep_alive: Any = None
    options: dict[str, Any] = {}


class RerankBody(LoadingBody):
    """What the dialects share of a request for ranks."""

    query: str = ""
    top_n: Int64 | None = None


class _DetokenizeBody(LoadingBody):
    tokens: list[Int64] = msgspec.field(default_factory=list)


def request_of(kind: type[RequestT], body: LoadingBody, words: RouteWords, **asked: Any) -> RequestT:
    """The request for what is `asked` of the model; raises BadRequest, and what the route says of its name, last."""
    request = kind(model=body.model, options=body.options, keep_alive=read_keep_alive(body.keep_alive), **asked)
    check_reference(body.model, words)
    return request


def read_rerank(body: RerankBody, documents: Sequence[str], words: RouteWords) -> RerankRequest:
    """The request for the ranks of `documents`; raises as `request_of`."""
    if body.top_n is not None and body.top_n < 1:
        raise BadRequest("top_n must be at least 1")
    return request_of(RerankRequest, body, words, query=body.query, documents=tuple(documents), top=body.top_n)


def decode_detokenize(call: Call, words: RouteWords) -> DetokenizeRequest:
    """The request for the text of `tokens`; raises as `request_of`."""
    body = decode(_DetokenizeBody, call.body)
    return request_of(DetokenizeRequest, body, words, tokens=tuple(body.tokens))
