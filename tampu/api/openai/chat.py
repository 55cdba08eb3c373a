"""`POST /v1/chat/completions`: a conversation in, its next message out."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, assert_never

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.fields import read_top_logprobs
from tampu.api.openai.asking import Asked, AskingBody, read_choices, read_thinking
from tampu.api.openai.efforts import read_effort
from tampu.api.openai.envelope import Envelope
from tampu.api.openai.errors import CHAT, errors_of
from tampu.api.openai.formats import read_response_format
from tampu.api.openai.messages import MessageBody, read_messages
from tampu.api.openai.tools import ToolsBody, are_strict, read_schemas, read_tools
from tampu.api.openai.writer import AnswersWriter, last_of
from tampu.errors import BadRequest
from tampu.generation import (
    ChatInput,
    ChoicesEvent,
    Finished,
    FinishReason,
    GenerationEvent,
    PromptFitted,
    PromptProgress,
    PromptRendered,
    TextDelta,
    Think,
    ThinkingDelta,
    TokenLogprob,
    ToolCallReady,
)
from tampu.messages import Tool, ToolCall
from tampu.wire import Int64, convert
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json

_INSTEAD = {
    "functions": 'the older form of "tools"; send those',
    "function_call": 'the older form of "tool_choice"; send that',
    "web_search_options": "no search is at hand; offer a tool for it",
    "audio": "answers are text",
}
"""Fields that would change the answer and cannot be honoured, and what to do instead."""


class _Reasoning(msgspec.Struct):
    go_name: ClassVar = "openai.Reasoning"

    effort: str = ""


class _Body(AskingBody):
    go_name: ClassVar = "openai.ChatCompletionRequest"

    messages: list[MessageBody] = msgspec.field(default_factory=list)
    tools: Any = msgspec.field(default_factory=list)
    tool_choice: Any = None
    parallel_tool_calls: bool = True
    describe_tools: bool | None = None
    response_format: Any = None
    reasoning: _Reasoning | None = None
    reasoning_effort: str = ""
    logprobs: bool = False
    top_logprobs: Int64 = 0
    max_completion_tokens: Int64 | None = None
    modalities: list[str] = msgspec.field(default_factory=list)
    functions: Any = None
    function_call: Any = None
    web_search_options: Any = None
    audio: Any = None


def _decode(call: Call) -> Asked:
    body = decode_json(_Body, call.body, call.passed_over)
    messages = read_messages(body.messages)
    _check_unsupported(body)
    if body.max_completion_tokens is not None:
        body.max_tokens = body.max_completion_tokens
    tools, choice = read_tools(_offered(call, body), body.tool_choice)
    wanted = ChatInput(
        messages=messages,
        tools=tools,
        tool_choice=choice,
        describe_tools=body.describe_tools,
        parallel_calls=body.parallel_tool_calls,
        schemas=read_schemas(body.tools),
        strict_calls=are_strict(body.tools),
    )
    choices = read_choices(
        body,
        [wanted],
        CHAT,
        format=read_response_format(body.response_format),
        think=_read_effort(body),
        logprobs=body.logprobs,
        top_logprobs=read_top_logprobs(body.top_logprobs),
    )
    return Asked(choices, body.stream_options.include_usage)


def _offered(call: Call, body: _Body) -> Sequence[Tool]:
    try:
        return convert(ToolsBody, {"tools": body.tools}).tools
    except BadRequest:
        return decode_json(ToolsBody, call.body).tools  # raises too, in the words that clients know


def _check_unsupported(body: _Body) -> None:
    for name, instead in _INSTEAD.items():
        if getattr(body, name) not in (None, []):
            raise BadRequest(f"{name} is not supported: {instead}")
    if any(modality != "text" for modality in body.modalities):
        raise BadRequest('modalities may hold "text" alone: answers are text')


def _read_effort(body: _Body) -> Think | None:
    """How hard to think. `reasoning` wins where it is there at all; `think` says it where neither does."""
    effort = body.reasoning_effort if body.reasoning is None else body.reasoning.effort
    return read_thinking(body) if effort == "" else read_effort(effort)


@dataclass(slots=True)
class _ChatChoice:
    """One answer. The first chunk names the role; calls are numbered as they come."""

    index: int
    has_begun: bool = False
    calls: int = 0

    @property
    def text_around(self) -> tuple[bytes, bytes]:
        return b'{"index":%d,"delta":{"content":' % self.index, b'},"finish_reason":null}'

    def shown(self, event: GenerationEvent) -> Sequence[dict[str, Any]]:
        match event:
            case TextDelta(text=text, logprobs=logprobs):
                return [self._chunk({"content": text}, logprobs)] if text or logprobs else []
            case ThinkingDelta(text=text, logprobs=logprobs):
                return [self._chunk({"content": "", "reasoning": text}, logprobs)] if text or logprobs else []
            case ToolCallReady(call=call):
                return [self._chunk({"content": "", "tool_calls": [self._call(call)]})]
            case Finished(reason=reason):
                opening = [] if self.has_begun else [self._chunk({"content": ""})]
                return [*opening, {"index": self.index, "delta": {}, "finish_reason": self._finish(reason)}]
            case PromptRendered():
                return [self._chunk({"content": ""})]
            case PromptFitted() | PromptProgress():
                return []
            case _:
                assert_never(event)

    def whole(self, events: Sequence[GenerationEvent]) -> dict[str, Any]:
        last = last_of(events)
        if isinstance(last, PromptRendered):
            return {"index": self.index, "message": {"role": "", "content": ""}, "finish_reason": None}
        thinking = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
        calls = [self._call(event.call) for event in events if isinstance(event, ToolCallReady)]
        logprobs = [
            entry for event in events if isinstance(event, TextDelta | ThinkingDelta) for entry in event.logprobs
        ]
        message = {
            "role": "assistant",
            "content": "".join(event.text for event in events if isinstance(event, TextDelta)),
            **({"reasoning": thinking} if thinking else {}),
            **({"tool_calls": calls} if calls else {}),
        }
        finish = self._finish(last.reason)
        return {"index": self.index, "message": message, "finish_reason": finish, **_logprobs(logprobs)}

    def _chunk(self, delta: dict[str, Any], logprobs: Sequence[TokenLogprob] = ()) -> dict[str, Any]:
        if not self.has_begun:
            self.has_begun = True
            delta = {"role": "assistant", **delta}
        return {"index": self.index, "delta": delta, "finish_reason": None, **_logprobs(logprobs)}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        index, self.calls = self.calls, self.calls + 1
        arguments = encode_json(call.function.arguments).decode()
        return {
            "id": call.id or f"call_{secrets.token_hex(4)}",
            "index": index,
            "type": "function",
            "function": {"name": call.function.name, "arguments": arguments},
        }

    def _finish(self, reason: FinishReason) -> str:
        return "tool_calls" if self.calls and reason is FinishReason.STOP else reason.value


def _logprobs(entries: Sequence[TokenLogprob]) -> dict[str, Any]:
    return {"logprobs": {"content": [_logprob(entry) for entry in entries]}} if entries else {}


def _logprob(entry: TokenLogprob) -> dict[str, Any]:
    spelled = entry.bytes or tuple(entry.token.encode())
    return {
        "token": entry.token,
        "logprob": entry.logprob,
        **({"bytes": spelled} if spelled else {}),
        **({"top_logprobs": [_logprob(top) for top in entry.top]} if entry.top else {}),
    }


def _writer(asked: Asked) -> AnswersWriter:
    envelope = Envelope(asked, prefix="chatcmpl-", kinds=("chat.completion", "chat.completion.chunk"))
    return AnswersWriter(asked, envelope, _ChatChoice, CHAT, tells_prompt=True)


CODEC: StreamCodec[Asked, ChoicesEvent] = StreamCodec(decode=_decode, writer=_writer, encode_error=errors_of(CHAT))
