"""`POST /v1/completions`: prompts in, texts out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, assert_never

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.fields import read_top_logprobs
from tampu.api.openai.asking import Asked, AskingBody, read_choices, read_thinking
from tampu.api.openai.envelope import Envelope
from tampu.api.openai.errors import COMPLETIONS, errors_of
from tampu.api.openai.kinds import are_tokens, kind_word
from tampu.api.openai.sampling import Number
from tampu.api.openai.writer import AnswersWriter, last_of
from tampu.errors import BadRequest
from tampu.generation import (
    ChoicesEvent,
    CompletionInput,
    Finished,
    GenerationEvent,
    PromptFitted,
    PromptProgress,
    PromptRendered,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallReady,
)
from tampu.json_misfits import unfit
from tampu.wire import Int64
from tampu.wire import decode as decode_json

_Number32 = Annotated[Number | None, msgspec.Meta(title="float32")]
"""The title is what errors call it."""


class _Body(AskingBody):
    go_name: ClassVar = "openai.CompletionRequest"

    prompt: Any = ""
    suffix: str = ""
    echo: bool = False
    best_of: Int64 | None = None
    logprobs: Int64 | None = None
    temperature: _Number32 = None
    top_p: _Number32 = None
    frequency_penalty: _Number32 = 0
    presence_penalty: _Number32 = 0


def _decode(call: Call) -> Asked:
    body = decode_json(_Body, call.body, call.passed_over)
    prompts = _read_prompts(body.prompt)
    if body.best_of not in {None, body.n}:
        raise BadRequest("best_of other than n is not supported: ask for more with n and choose among them")
    alternatives = None if body.logprobs is None else read_top_logprobs(body.logprobs)
    if body.echo and not all(isinstance(prompt, str) for prompt in prompts):
        raise BadRequest("echo with a prompt of tokens is not supported: send the text, or read it at /v1/detokenize")
    if body.echo and alternatives is not None:
        raise BadRequest("echo with logprobs is not supported: the prompt's own probabilities are not at hand")
    if isinstance(body.stop, list) and (strange := [item for item in body.stop if not isinstance(item, str)]):
        raise BadRequest(f"invalid type for 'stop' field: {kind_word(strange[0])}")
    body.top_p = body.top_p or None
    if body.echo and body.max_tokens == 0:
        body.options = {**body.options, "num_predict": 0}
    inputs = [_input(prompt, body.suffix) for prompt in prompts]
    choices = read_choices(
        body,
        inputs,
        COMPLETIONS,
        think=read_thinking(body),
        logprobs=alternatives is not None,
        top_logprobs=alternatives or 0,
    )
    echoes = tuple(wanted.prompt for wanted in inputs) if body.echo else ()
    return Asked(choices, body.stream_options.include_usage, echoes)


def _input(prompt: str | tuple[int, ...], suffix: str) -> CompletionInput:
    if isinstance(prompt, str):
        return CompletionInput(prompt=prompt, suffix=suffix)
    if suffix:
        raise BadRequest("suffix with a prompt of tokens is not supported: send the text")
    return CompletionInput(tokens=prompt, raw=True)


def _read_prompts(value: Any) -> tuple[str | tuple[int, ...], ...]:
    """The prompts, each a text or the numbers of its tokens; a single empty text loads the model."""
    match value:
        case str():
            return (value,)
        case [_, *_] if all(isinstance(item, str) for item in value):
            return tuple(value)
        case [_, *_] if are_tokens(value):
            return (tuple(value),)
        case [_, *_] if all(isinstance(item, list) and item and are_tokens(item) for item in value):
            return tuple(tuple(item) for item in value)
        case None | list():
            raise BadRequest("prompt must be a text, a list of texts, a list of tokens or a list of those")
        case _:
            raise BadRequest(unfit(value, "string", "CompletionRequest.prompt"))


@dataclass(slots=True)
class _TextChoice:
    """One answer, behind its `echo` of the prompt. What the model thinks has no place in this form."""

    index: int
    echo: str
    has_begun: bool = False
    length: int = 0
    """Characters of the text so far, where probabilities are told."""

    @property
    def text_around(self) -> tuple[bytes, bytes]:
        return b'{"text":', b',"index":%d,"finish_reason":null}' % self.index

    def shown(self, event: GenerationEvent) -> Sequence[dict[str, Any]]:
        match event:
            case TextDelta(text=text, logprobs=logprobs):
                return [self._chunk(text, logprobs)] if text or logprobs else []
            case Finished(reason=reason):
                return [self._chunk("") | {"finish_reason": reason.value}]
            case PromptRendered():
                return [self._chunk("")]
            case ThinkingDelta() | ToolCallReady() | PromptFitted() | PromptProgress():
                return []
            case _:
                assert_never(event)

    def whole(self, events: Sequence[GenerationEvent]) -> dict[str, Any]:
        last = last_of(events)
        texts = [event for event in events if isinstance(event, TextDelta)]
        joined = self._chunk("".join(event.text for event in texts), [each for text in texts for each in text.logprobs])
        return joined if isinstance(last, PromptRendered) else joined | {"finish_reason": last.reason.value}

    def _chunk(self, text: str, logprobs: Sequence[TokenLogprob] = ()) -> dict[str, Any]:
        if not self.has_begun:
            self.has_begun = True
            text = self.echo + text
        told = {"logprobs": self._logprobs(logprobs)} if logprobs else {}
        return {"text": text, "index": self.index, "finish_reason": None, **told}

    def _logprobs(self, entries: Sequence[TokenLogprob]) -> dict[str, Any]:
        offsets = []
        for entry in entries:
            offsets.append(self.length)
            self.length += len(entry.token)
        return {
            "tokens": [entry.token for entry in entries],
            "token_logprobs": [entry.logprob for entry in entries],
            "top_logprobs": [{top.token: top.logprob for top in entry.top} for entry in entries],
            "text_offset": offsets,
        }


def _choice(asked: Asked, index: int) -> _TextChoice:
    return _TextChoice(index, asked.echoes[index // asked.choices.alternatives] if asked.echoes else "")


def _writer(asked: Asked) -> AnswersWriter:
    envelope = Envelope(asked, prefix="cmpl-", kinds=("text_completion", "text_completion"))
    return AnswersWriter(asked, envelope, partial(_choice, asked), COMPLETIONS, tells_prompt=False)


CODEC: StreamCodec[Asked, ChoicesEvent] = StreamCodec(
    decode=_decode, writer=_writer, encode_error=errors_of(COMPLETIONS)
)
