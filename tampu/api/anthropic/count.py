"""`POST /v1/messages/count_tokens`: how many tokens a conversation is, with its tools, system prompt and pictures."""

from tampu.api.anthropic.asking import Asked, AskingBody, read_count_request
from tampu.api.anthropic.errors import MESSAGES, errors_of, new_request_id
from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


def _decode(call: Call) -> Asked:
    return read_count_request(decode_json(AskingBody, call.body, call.passed_over), new_request_id(call.request_id))


def _encode(asked: Asked, tokens: int) -> Reply:
    return Reply(200, encode_json({"input_tokens": tokens}), JSON, (("request-id", asked.request_id),))


CODEC: AnswerCodec[Asked, int] = AnswerCodec(decode=_decode, encode=_encode, encode_error=errors_of(MESSAGES))
