"""`POST /v1/responses`: items in, the next response out."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.fields import read_keep_alive, read_top_logprobs
from tampu.api.openai.errors import CHAT
from tampu.api.openai.responses.asked import Asked, own_messages, with_messages
from tampu.api.openai.responses.document import Echo
from tampu.api.openai.responses.errors import response_error
from tampu.api.openai.responses.formats import read_text_format
from tampu.api.openai.responses.items import RESPONSE_PREFIX, read_input
from tampu.api.openai.responses.reasoning import ReasoningBody, read_reasoning, repeated_reasoning
from tampu.api.openai.responses.tools import read_choice, read_offer
from tampu.api.openai.responses.writer import ResponseWriter
from tampu.api.openai.sampling import DEFAULT_TEMPERATURE, SamplingBody, told_options
from tampu.api.words import check_reference
from tampu.errors import InvalidParameter
from tampu.generation import ChatInput, GenerationRequest
from tampu.responses import Keeping, ResponseEvent
from tampu.wire import Int64, encode
from tampu.wire import decode as decode_json

_INSTEAD = {
    "conversation": "go on from a response with previous_response_id",
    "prompt": "send its text as instructions and input",
    "moderation": "nothing is moderated here",
}
"""Fields that would change the answer and cannot be honoured, and what to do instead."""
_LOGPROBS = "message.output_text.logprobs"
_TRUNCATIONS = {"": False, "disabled": False, "auto": True}
_KEEPING = {None: Keeping.SHORT, True: Keeping.LONG, False: Keeping.NONE}
_MOST_METADATA, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512


class _Text(msgspec.Struct):
    go_name: ClassVar = "openai.ResponsesText"

    format: Any = None


class _Body(SamplingBody):
    """The fields that mean something here. Those behind `prompt_cache_key` are ours; SDKs send them as `extra_body`."""

    go_name: ClassVar = "openai.ResponsesRequest"

    input: Any = None
    instructions: str = ""
    store: bool | None = None
    previous_response_id: str = ""
    max_output_tokens: Int64 | None = None
    top_logprobs: Int64 = 0
    include: list[str] = msgspec.field(default_factory=list)
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool = True
    max_tool_calls: Int64 | None = None
    reasoning: ReasoningBody | None = None
    text: _Text = msgspec.field(default_factory=_Text)
    truncation: str = ""
    background: bool = False
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    conversation: Any = None
    prompt: Any = None
    moderation: Any = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    stop: list[str] | str | None = None
    truncate: bool | None = None
    describe_tools: bool | None = None


def decode_response(call: Call) -> Asked:
    """The request; raises BadRequest that names the field."""
    body = decode_json(_Body, call.body, call.passed_over)
    _check_unsupported(body)
    tag = secrets.token_hex(16)
    items = read_input(body.input, tag)
    messages = own_messages(items)
    offer = read_offer(body.tools)
    tools, choice = read_choice(offer, body.tool_choice)
    form, repeated_form = read_text_format(body.text.format)
    request = GenerationRequest(
        model=body.model,
        input=ChatInput(
            tools=tools,
            tool_choice=choice,
            describe_tools=body.describe_tools,
            parallel_calls=body.parallel_tool_calls,
            schemas=offer.schemas,
        ),
        stream=body.stream,
        options=_options(body),
        format=form,
        think=read_reasoning(body.reasoning, body.think),
        keep_alive=read_keep_alive(body.keep_alive),
        truncate=_read_truncation(body.truncation) if body.truncate is None else body.truncate,
        logprobs=bool(body.top_logprobs) or _LOGPROBS in body.include,
        top_logprobs=read_top_logprobs(body.top_logprobs),
        counts_thoughts=True,
    )
    request = replace(request, input=with_messages(request, body.instructions, messages))
    check_reference(body.model, CHAT)
    echo = _echo(body, tag, tools=offer.echo, form=repeated_form)
    return Asked(echo=echo, generation=request, own_items=items, items=encode(items), keeping=_KEEPING[body.store])


def _check_unsupported(body: _Body) -> None:
    for name, instead in _INSTEAD.items():
        if getattr(body, name) is not None:
            raise InvalidParameter(f"{name} is not supported: {instead}")


def _read_truncation(value: str) -> bool:
    """Whether old messages may be left out; OpenAI's default is that they may not."""
    if value not in _TRUNCATIONS:
        raise InvalidParameter('truncation must be "auto" or "disabled"')
    return _TRUNCATIONS[value]


def _options(body: _Body) -> Mapping[str, object]:
    given: dict[str, object] = {"temperature": DEFAULT_TEMPERATURE, **told_options(body)}
    if body.max_output_tokens:  # programs without a limit send 0
        given["num_predict"] = body.max_output_tokens
    if body.stop is not None:
        given["stop"] = [body.stop] if isinstance(body.stop, str) else body.stop
    return given


def _echo(body: _Body, tag: str, *, tools: Any, form: Any) -> Echo:
    return Echo(
        id=RESPONSE_PREFIX + tag,
        created_at=int(time.time()),
        model=body.model,
        previous_response_id=body.previous_response_id or None,
        instructions=body.instructions or None,
        tools=tools,
        tool_choice="auto" if body.tool_choice is None else body.tool_choice,
        truncation=body.truncation or "disabled",
        parallel_tool_calls=body.parallel_tool_calls,
        format=form,
        top_p=1.0 if body.top_p is None else body.top_p,
        presence_penalty=body.presence_penalty or 0,
        frequency_penalty=body.frequency_penalty or 0,
        top_logprobs=body.top_logprobs,
        temperature=DEFAULT_TEMPERATURE if body.temperature is None else body.temperature,
        reasoning=repeated_reasoning(body.reasoning, streams=body.stream),
        max_output_tokens=body.max_output_tokens,
        max_tool_calls=body.max_tool_calls,
        background=body.background,
        metadata=_read_metadata(body.metadata),
        safety_identifier=body.safety_identifier,
        prompt_cache_key=body.prompt_cache_key,
        user=body.user,
    )


def _read_metadata(told: Mapping[str, Any]) -> Mapping[str, str]:
    if len(told) > _MOST_METADATA:
        raise InvalidParameter(f"metadata may hold {_MOST_METADATA} pairs at most")
    for key, value in told.items():
        if len(key) > _LONGEST_KEY or not isinstance(value, str) or len(value) > _LONGEST_VALUE:
            raise InvalidParameter(
                f"metadata must hold texts of at most {_LONGEST_VALUE} characters under names of at most {_LONGEST_KEY}"
            )
    return told


CODEC: StreamCodec[Asked, ResponseEvent] = StreamCodec(
    decode=decode_response, writer=ResponseWriter, encode_error=response_error
)
