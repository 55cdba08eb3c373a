"""What is asked of a model and what comes back, whatever dialect asked: requests, events, counts and times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Literal

import msgspec

from tampu.messages import Message, Tool, ToolCall
from tampu.units import KeepAlive

ThinkLevel = Literal["low", "medium", "high", "max"]
EmbeddingInput = str | tuple[int, ...]
Think = bool | ThinkLevel
"""Whether (and how hard) to think; None beside it means that the request does not say."""


@dataclass(frozen=True, slots=True)
class AnyJson:
    """The answer must be one JSON object."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The answer must be valid against `schema`."""

    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InvalidFormat:
    """A `format` of a wrong kind: refused only once an answer would be generated, after all other checks."""

    raw_json: str


OutputFormat = AnyJson | JsonSchema | InvalidFormat


@dataclass(frozen=True, slots=True)
class CompletionInput:
    """The input of a completion: one prompt and what may surround it. `context`: token ids of an earlier answer.

    `tokens`: instead of all that, what the model is given, number by number.
    """

    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: tuple[int, ...] | None = None
    raw: bool = False
    images: tuple[bytes, ...] = ()
    tokens: tuple[int, ...] = ()


class ToolUse(Enum):
    """Whether the answer may, must not or must call tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The answer must call this tool, once."""

    name: str


ToolChoice = ToolUse | NamedTool
BANNED_BIAS = -100.0


@dataclass(frozen=True, slots=True)
class ChatInput:
    """The input of a chat: the conversation so far and the tools on offer.

    `describe_tools`: offer them to a model whose template has no place for tools, too; None: as the settings say.
    `parallel_calls` False: the answer makes one call at most. `schemas`: the whole schemas of tools' arguments, by the
    tool's name, for holding calls to them; tools themselves keep only what templates show. `strict_calls`: calls are
    held to them wherever the model makes one, not only where one is demanded.
    """

    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolUse.AUTO
    describe_tools: bool | None = None
    parallel_calls: bool = True
    strict_calls: bool = False
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One request for text, decoded from any dialect. `options` is checked when the model is known.

    `logit_bias`: what is added to the chances of tokens, by number; `BANNED_BIAS` or less means never.
    `counts_thoughts`: the usage is to tell how many tokens were thinking. `thinks_if_able`: `think` is no demand on a
    model that cannot. `names_stop`: the end is to tell which stop sequence brought it about.
    `thinking_budget`: the most tokens of thinking, where it can be told apart.
    """

    model: str
    input: CompletionInput | ChatInput
    stream: bool = True
    options: Mapping[str, object] = field(default_factory=dict)
    format: OutputFormat | None = None
    think: Think | None = None
    keep_alive: KeepAlive | None = None
    truncate: bool = True
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    debug_render_only: bool = False
    progress: bool = False
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    counts_thoughts: bool = False
    thinks_if_able: bool = False
    names_stop: bool = False
    thinking_budget: int | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing to answer: the request loads the model, or unloads it."""
        match self.input:
            case CompletionInput(prompt=prompt, tokens=tokens):
                return not prompt and not tokens
            case ChatInput(messages=messages):
                return not messages

    @property
    def is_unload(self) -> bool:
        """An empty request whose keep-alive is zero."""
        return self.is_empty and self.keep_alive is not None and self.keep_alive.is_zero


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicesRequest:
    """Several answers for one caller: `alternatives` to each of `requests`, which are of one model, in order."""

    requests: tuple[GenerationRequest, ...]
    alternatives: int = 1

    @property
    def is_single(self) -> bool:
        """One answer, as nearly always."""
        return len(self.requests) * self.alternatives == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """One request for vectors. `normalize` False (the legacy route): as the engine gives them, nothing truncated.

    An input is a text, or the numbers of its tokens. `holds_to_context`: a `num_ctx` in `options` bounds each text also
    where it is too small for any engine.
    """

    model: str
    inputs: tuple[EmbeddingInput, ...]
    truncate: bool = True
    dimensions: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    keep_alive: KeepAlive | None = None
    normalize: bool = True
    holds_to_context: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeRequest:
    """A text to cut into tokens. `add_special`: with those that the model's vocabulary puts around a prompt."""

    model: str
    text: str
    add_special: bool = True
    options: Mapping[str, object] = field(default_factory=dict)
    keep_alive: KeepAlive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetokenizeRequest:
    """Tokens to join into a text."""

    model: str
    tokens: tuple[int, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    keep_alive: KeepAlive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankRequest:
    """Documents to put in the order of how well they answer `query`; `top` of them, None for all."""

    model: str
    query: str
    documents: tuple[str, ...]
    top: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    keep_alive: KeepAlive | None = None


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    LOAD = "load"
    UNLOAD = "unload"


class TokenLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token's text, its natural-log probability, and the likeliest alternatives (empty where not asked for)."""

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()
    top: tuple["TokenLogprob", ...] = ()


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the model's thinking."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallReady:
    """A whole call of a tool."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class PromptRendered:
    """The prompt that would have been run; the only event of a debug request."""

    prompt: str
    image_count: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. `prompt_tokens` includes `cached_tokens`, those that were not evaluated anew.

    `completion_tokens` includes `thinking_tokens`, which are counted where the request asks for it.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Nanoseconds: since the request came, until an engine was at hand, evaluating the prompt, generating."""

    total_ns: int = 0
    load_ns: int = 0
    prompt_ns: int = 0
    completion_ns: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was left out so that the prompt fits the context: whole messages, and tokens of the rendered prompt."""

    messages: int = 0
    tokens: int = 0

    def __bool__(self) -> bool:
        return bool(self.messages or self.tokens)


@dataclass(frozen=True, slots=True)
class PromptFitted:
    """The first event where the prompt did not fit as it was: what was left out."""

    dropped: Dropped


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """How many tokens of the prompt are read, `cached` ones among them; only where the request asks for it."""

    done: int
    total: int
    cached: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of an answer. `context`: token ids of prompt and answer, where the dialect wants them.

    `stop_sequence`: the one that ended it, where one did and the request asks for its name.
    """

    reason: FinishReason
    usage: Usage = Usage()
    timings: Timings = Timings()
    context: tuple[int, ...] | None = None
    dropped: Dropped = Dropped()
    stop_sequence: str = ""


GenerationEvent = PromptFitted | PromptProgress | TextDelta | ThinkingDelta | ToolCallReady | PromptRendered | Finished


@dataclass(frozen=True, slots=True)
class ChoiceEvent:
    """An event of one of several answers: that to request `choice // alternatives`."""

    choice: int
    event: GenerationEvent


ChoicesEvent = GenerationEvent | ChoiceEvent
"""A bare event belongs to the only answer."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors in the order of the inputs, with counts and times. `truncated`: the places of the inputs cut."""

    vectors: tuple[Sequence[float], ...]
    prompt_tokens: int = 0
    truncated: tuple[int, ...] = ()
    timings: Timings = Timings()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, by number."""

    ids: tuple[int, ...]
    timings: Timings = Timings()


@dataclass(frozen=True, slots=True)
class JoinedText:
    """The text of tokens."""

    text: str
    timings: Timings = Timings()


@dataclass(frozen=True, slots=True)
class Rank:
    """A document by its place in the request, and its score: the higher, the better it answers."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best documents, best first."""

    ranks: tuple[Rank, ...]
    prompt_tokens: int = 0
    timings: Timings = Timings()


class Capability(Enum):
    """What a model can do; the value is the word that clients see."""

    COMPLETION = "completion"
    TOOLS = "tools"
    INSERT = "insert"
    VISION = "vision"
    AUDIO = "audio"
    EMBEDDING = "embedding"
    THINKING = "thinking"
    IMAGE = "image"
