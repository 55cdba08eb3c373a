"""`POST /v1/responses/input_tokens`: how many tokens a request would read."""

from tampu.api.dialect import JSON, AnswerCodec, Reply
from tampu.api.openai.responses.asked import Asked
from tampu.api.openai.responses.create import decode_response
from tampu.api.openai.responses.errors import response_error
from tampu.wire import encode


def _encode(_: Asked, tokens: int) -> Reply:
    return Reply(200, encode({"object": "response.input_tokens", "input_tokens": tokens}), JSON)


CODEC: AnswerCodec[Asked, int] = AnswerCodec(decode=decode_response, encode=_encode, encode_error=response_error)
