"""Ours: `POST /api/tokenize` and `POST /api/detokenize`, texts to tokens and back."""

from typing import Any

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply
from tampu.api.fields import read_keep_alive
from tampu.api.native.asking import LoadingBody
from tampu.api.native.errors import VOCABULARY, native_error
from tampu.api.native.members import given, timed
from tampu.api.words import check_reference
from tampu.generation import DetokenizeRequest, JoinedText, TokenizeRequest, Tokens
from tampu.wire import Int64
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _TokenizeBody(LoadingBody):
    text: str = ""
    add_special: bool = True


class _DetokenizeBody(LoadingBody):
    tokens: list[Int64] = msgspec.field(default_factory=list)


def _decode_tokenize(call: Call) -> TokenizeRequest:
    body = decode_json(_TokenizeBody, call.body)
    check_reference(body.model, VOCABULARY)
    return TokenizeRequest(
        model=body.model,
        text=body.text,
        add_special=body.add_special,
        options=body.options,
        keep_alive=read_keep_alive(body.keep_alive),
    )


def _decode_detokenize(call: Call) -> DetokenizeRequest:
    body = decode_json(_DetokenizeBody, call.body)
    check_reference(body.model, VOCABULARY)
    return DetokenizeRequest(
        model=body.model,
        tokens=tuple(body.tokens),
        options=body.options,
        keep_alive=read_keep_alive(body.keep_alive),
    )


def _encode_tokens(request: TokenizeRequest, answer: Tokens) -> Reply:
    return _reply({"model": request.model, "tokens": answer.ids, **given(**timed(answer.timings))})


def _encode_text(request: DetokenizeRequest, answer: JoinedText) -> Reply:
    return _reply({"model": request.model, "text": answer.text, **given(**timed(answer.timings))})


def _reply(members: dict[str, Any]) -> Reply:
    return Reply(200, encode_json(members), JSON_UTF8)


TOKENIZE_CODEC: AnswerCodec[TokenizeRequest, Tokens] = AnswerCodec(
    decode=_decode_tokenize, encode=_encode_tokens, encode_error=lambda error: native_error(error, VOCABULARY)
)
DETOKENIZE_CODEC: AnswerCodec[DetokenizeRequest, JoinedText] = AnswerCodec(
    decode=_decode_detokenize, encode=_encode_text, encode_error=lambda error: native_error(error, VOCABULARY)
)
