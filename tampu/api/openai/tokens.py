"""`POST /v1/tokenize` and `/v1/detokenize`, which OpenAI does not have: in the words of vLLM and of llama.cpp."""

from functools import partial

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.loading import LoadingBody, decode_detokenize, request_of
from tampu.api.openai.errors import CHAT, errors_of
from tampu.errors import BadRequest
from tampu.generation import DetokenizeRequest, JoinedText, TokenizeRequest, Tokens
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json

_ONE_TEXT = "send the text as prompt, content or text"


class _TokenizeBody(LoadingBody):
    prompt: str | None = None
    content: str | None = None
    text: str | None = None
    add_special_tokens: bool | None = None
    add_special: bool | None = None


def _decode_tokenize(call: Call) -> TokenizeRequest:
    body = decode_json(_TokenizeBody, call.body, call.passed_over)
    given = [text for text in (body.prompt, body.content, body.text) if text is not None]
    if len(given) != 1:
        raise BadRequest(_ONE_TEXT)
    # llama.cpp, whose word is `content`, adds none unless told to.
    usual = body.content is None
    told = body.add_special_tokens if body.add_special is None else body.add_special
    return request_of(TokenizeRequest, body, CHAT, text=given[0], add_special=usual if told is None else told)


def _encode_tokens(request: TokenizeRequest, answer: Tokens) -> Reply:
    return Reply(200, encode_json({"model": request.model, "tokens": answer.ids, "count": len(answer.ids)}), JSON)


def _encode_text(request: DetokenizeRequest, answer: JoinedText) -> Reply:
    """The text under both names by which clients look for it."""
    return Reply(200, encode_json({"model": request.model, "prompt": answer.text, "content": answer.text}), JSON)


TOKENIZE_CODEC: AnswerCodec[TokenizeRequest, Tokens] = AnswerCodec(
    decode=_decode_tokenize, encode=_encode_tokens, encode_error=errors_of(CHAT)
)
DETOKENIZE_CODEC: AnswerCodec[DetokenizeRequest, JoinedText] = AnswerCodec(
    decode=partial(decode_detokenize, words=CHAT), encode=_encode_text, encode_error=errors_of(CHAT)
)
