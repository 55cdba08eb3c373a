"""`POST /v1/messages`: a conversation in, its next message out."""

from tampu.api.anthropic.asking import Asked, MessageRequestBody, read_message_request
from tampu.api.anthropic.errors import MESSAGES, errors_of, new_request_id
from tampu.api.anthropic.writer import MessageWriter
from tampu.api.dialect import Call, StreamCodec
from tampu.generation import GenerationEvent
from tampu.wire import decode as decode_json


def _decode(call: Call) -> Asked:
    body = decode_json(MessageRequestBody, call.body, call.passed_over)
    return read_message_request(body, new_request_id(call.request_id))


CODEC: StreamCodec[Asked, GenerationEvent] = StreamCodec(
    decode=_decode, writer=MessageWriter, encode_error=errors_of(MESSAGES)
)
