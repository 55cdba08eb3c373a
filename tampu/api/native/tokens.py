"""Ours: `POST /api/tokenize` and `POST /api/detokenize`, texts to tokens and back."""

from functools import partial
from typing import Any

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply
from tampu.api.loading import LoadingBody, decode_detokenize, request_of
from tampu.api.native.errors import VOCABULARY, errors_of
from tampu.api.native.members import given, timed
from tampu.generation import DetokenizeRequest, JoinedText, TokenizeRequest, Tokens
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _TokenizeBody(LoadingBody):
    text: str = ""
    add_special: bool = True


def _decode_tokenize(call: Call) -> TokenizeRequest:
    body = decode_json(_TokenizeBody, call.body)
    return request_of(TokenizeRequest, body, VOCABULARY, text=body.text, add_special=body.add_special)


def _encode_tokens(request: TokenizeRequest, answer: Tokens) -> Reply:
    return _reply({"model": request.model, "tokens": answer.ids, **given(**timed(answer.timings))})


def _encode_text(request: DetokenizeRequest, answer: JoinedText) -> Reply:
    return _reply({"model": request.model, "text": answer.text, **given(**timed(answer.timings))})


def _reply(members: dict[str, Any]) -> Reply:
    return Reply(200, encode_json(members), JSON_UTF8)


TOKENIZE_CODEC: AnswerCodec[TokenizeRequest, Tokens] = AnswerCodec(
    decode=_decode_tokenize, encode=_encode_tokens, encode_error=errors_of(VOCABULARY)
)
DETOKENIZE_CODEC: AnswerCodec[DetokenizeRequest, JoinedText] = AnswerCodec(
    decode=partial(decode_detokenize, words=VOCABULARY),
    encode=_encode_text,
    encode_error=errors_of(VOCABULARY),
)
