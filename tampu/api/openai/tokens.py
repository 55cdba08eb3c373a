"""`POST /v1/tokenize` and `/v1/detokenize`, which OpenAI does not have: in the words of vLLM and of llama.cpp."""

from typing import Any

import msgspec

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.fields import read_keep_alive
from tampu.api.openai.errors import CHAT, openai_error
from tampu.api.words import check_reference
from tampu.errors import BadRequest
from tampu.generation import DetokenizeRequest, JoinedText, TokenizeRequest, Tokens
from tampu.wire import Int64
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json

_ONE_TEXT = "send the text as prompt, content or text"


class _TokenizeBody(msgspec.Struct):
    model: str = ""
    prompt: str | None = None
    content: str | None = None
    text: str | None = None
    add_special_tokens: bool | None = None
    add_special: bool | None = None
    options: dict[str, Any] = {}
    keep_alive: Any = None


class _DetokenizeBody(msgspec.Struct):
    model: str = ""
    tokens: list[Int64] = msgspec.field(default_factory=list)
    options: dict[str, Any] = {}
    keep_alive: Any = None


def _decode_tokenize(call: Call) -> TokenizeRequest:
    body = decode_json(_TokenizeBody, call.body)
    given = [text for text in (body.prompt, body.content, body.text) if text is not None]
    if len(given) != 1:
        raise BadRequest(_ONE_TEXT)
    check_reference(body.model, CHAT)
    # llama.cpp, whose word is `content`, adds none unless told to.
    usual = body.content is None
    told = body.add_special_tokens if body.add_special is None else body.add_special
    return TokenizeRequest(
        model=body.model,
        text=given[0],
        add_special=usual if told is None else told,
        options=body.options,
        keep_alive=read_keep_alive(body.keep_alive),
    )


def _decode_detokenize(call: Call) -> DetokenizeRequest:
    body = decode_json(_DetokenizeBody, call.body)
    check_reference(body.model, CHAT)
    return DetokenizeRequest(
        model=body.model,
        tokens=tuple(body.tokens),
        options=body.options,
        keep_alive=read_keep_alive(body.keep_alive),
    )


def _encode_tokens(request: TokenizeRequest, answer: Tokens) -> Reply:
    return Reply(200, encode_json({"model": request.model, "tokens": answer.ids, "count": len(answer.ids)}), JSON)


def _encode_text(request: DetokenizeRequest, answer: JoinedText) -> Reply:
    """The text under both names by which clients look for it."""
    return Reply(200, encode_json({"model": request.model, "prompt": answer.text, "content": answer.text}), JSON)


TOKENIZE_CODEC: AnswerCodec[TokenizeRequest, Tokens] = AnswerCodec(
    decode=_decode_tokenize, encode=_encode_tokens, encode_error=lambda error: openai_error(error, CHAT)
)
DETOKENIZE_CODEC: AnswerCodec[DetokenizeRequest, JoinedText] = AnswerCodec(
    decode=_decode_detokenize, encode=_encode_text, encode_error=lambda error: openai_error(error, CHAT)
)
