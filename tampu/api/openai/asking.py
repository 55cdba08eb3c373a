"""What requests for text share: how to sample, how many answers, how to stream, and what only local models need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tampu.api.fields import read_keep_alive, read_think
from tampu.api.openai.kinds import kind_word
from tampu.api.openai.sampling import DEFAULT_TEMPERATURE, Number, SamplingBody, told_options
from tampu.api.words import RouteWords, check_reference
from tampu.errors import BadRequest
from tampu.generation import BANNED_BIAS, ChatInput, ChoicesRequest, CompletionInput, GenerationRequest, Think
from tampu.wire import Int64, encode

_DEFAULTS = {"temperature": DEFAULT_TEMPERATURE, "top_p": 1.0}
_MOST_CHOICES = 128
_MOST_TOKEN_DIGITS = 10


class StreamOptions(msgspec.Struct):
    """What a stream is to hold besides the answer."""

    go_name: ClassVar = "openai.StreamOptions"

    include_usage: bool = False


class AskingBody(SamplingBody):
    """The fields that chats and completions have in common. Those behind `logit_bias` are ours."""

    stream_options: StreamOptions = msgspec.field(default_factory=StreamOptions)
    max_tokens: Int64 | None = None
    stop: Any = None
    n: Int64 = 1
    logit_bias: dict[str, Any] = msgspec.field(default_factory=dict)
    truncate: bool = True
    debug_render_only: bool = msgspec.field(default=False, name="_debug_render_only")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of this dialect. `echoes`: what stands before the answers to each of the requests."""

    choices: ChoicesRequest
    includes_usage: bool = False
    echoes: tuple[str, ...] = ()

    @property
    def first(self) -> GenerationRequest:
        """The first request; all are alike but for their input."""
        return self.choices.requests[0]


def read_choices(
    body: AskingBody, inputs: Sequence[CompletionInput | ChatInput], words: RouteWords, **more: Any
) -> ChoicesRequest:
    """The request for `n` answers to each of `inputs`; raises BadRequest, and what the route says of names, last.

    `more`: fields of GenerationRequest that the route has read itself.
    """
    if not 1 <= body.n <= _MOST_CHOICES:
        raise BadRequest(f"n must be between 1 and {_MOST_CHOICES}")
    if body.n * len(inputs) > _MOST_CHOICES:
        raise BadRequest(f"{len(inputs)} prompts with n {body.n} are more than {_MOST_CHOICES} answers; send fewer")
    settings = {
        "stream": body.stream,
        "options": _options(body),
        "keep_alive": read_keep_alive(body.keep_alive),
        "truncate": body.truncate,
        "logit_bias": _read_bias(body.logit_bias),
        "debug_render_only": body.debug_render_only,
        "counts_thoughts": True,
        **more,
    }
    requests = tuple(GenerationRequest(model=body.model, input=item, **settings) for item in inputs)
    check_reference(body.model, words)
    return ChoicesRequest(requests=requests, alternatives=body.n)


def read_thinking(body: AskingBody) -> Think | None:
    """`think`, as in the native dialect."""
    return read_think(body.think)


def _options(body: AskingBody) -> Mapping[str, object]:
    given: dict[str, object] = {**_DEFAULTS, **told_options(body)}
    if body.max_tokens:  # programs without a limit send 0
        given["num_predict"] = body.max_tokens
    if (stop := _read_stop(body.stop)) is not None:
        given["stop"] = stop
    return given


def _read_stop(value: Any) -> list[str] | None:
    match value:
        case None:
            return None
        case list():
            return [_stop_text(item) for item in value]
        case _:
            return [_stop_text(value)]


def _stop_text(value: Any) -> str:
    """A text at which to stop; of a number, its digits."""
    match value:
        case str():
            return value
        case int() | float() if not isinstance(value, bool):
            return encode(value).decode()
        case _:
            raise BadRequest(f"invalid type for 'stop' field: {kind_word(value)}")


def _read_bias(told: Mapping[str, Any]) -> Mapping[int, float]:
    return {_token(name): _bias(value) for name, value in told.items()}


def _token(name: str) -> int:
    if not (name.isascii() and name.isdecimal() and len(name) <= _MOST_TOKEN_DIGITS):
        raise BadRequest(f'logit_bias names "{name[:50]}"; its keys are the numbers of tokens')
    return int(name)


def _bias(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Number) or not BANNED_BIAS <= value <= -BANNED_BIAS:
        raise BadRequest("logit_bias must hold numbers between -100 and 100")
    return float(value)
