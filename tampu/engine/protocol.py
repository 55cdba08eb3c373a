"""What an engine does for the rest of the code: the seam behind which a child process, or a fake, stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tampu.audience import Telling
from tampu.engine.shape import CallForm, Thoughts
from tampu.generation import OutputFormat, TextDelta, Think, ThinkingDelta
from tampu.messages import Message, Tool, ToolCall
from tampu.options import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCompletion:
    """Continue `prompt` (text, or token ids). `images`: one for each media marker in the text, in order.

    `logprobs`: None for none, else how many alternatives beside each token. `preserved`: special tokens to print as
    text, because a parser looks for them. `thoughts` may come before what `format` and `calls` demand.
    """

    prompt: str | Sequence[int]
    sampling: Sampling
    images: Sequence[bytes] = ()
    format: OutputFormat | None = None
    logprobs: int | None = None
    preserved: Sequence[str] = ()
    thoughts: Thoughts | None = None
    calls: CallForm | None = None
    reports_progress: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChat:
    """Answer a conversation with the engine's own template and its own parsing of thinking and tool calls."""

    messages: Sequence[Message]
    sampling: Sampling
    tools: Sequence[Tool] = ()
    format: OutputFormat | None = None
    think: Think | None = None
    logprobs: int | None = None
    must_call: bool = False
    reports_progress: bool = False


EngineText = TextDelta
"""A piece of the answer: what an engine writes is text until a parser says otherwise."""
EngineThinking = ThinkingDelta
"""A piece of thinking that the engine itself told apart (chats only)."""


@dataclass(frozen=True, slots=True)
class EngineToolCalls:
    """The calls that the engine itself found (chats only), whole."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """How far the prompt is read, where the request wants to know: tokens, those from the cache among them."""

    done: int
    total: int
    cached: int


class StopKind(Enum):
    """Why the engine stopped."""

    END = "eos"
    WORD = "word"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEnd:
    """The last event. Times in milliseconds as the engine measured them; `prompt_tokens` includes cached ones.

    `drafted_tokens` were guessed ahead, `accepted_tokens` of them rightly. `stop_word`: what ended a completion.
    """

    stop: StopKind
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prompt_ms: float
    completion_ms: float
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    stop_word: str = ""


EngineEvent = EngineText | EngineThinking | EngineToolCalls | EngineProgress | EngineEnd


@dataclass(frozen=True, slots=True)
class EngineVectors:
    """One embedding for each input, in order, and the number of tokens that they were made of together."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class EngineScores:
    """One score for each document, in order, and the number of tokens that were read for them together."""

    scores: tuple[float, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProperties:
    """What the engine says of itself once it is ready."""

    num_ctx: int
    slots: int
    media_marker: str
    adds_bos: bool
    bos_text: str
    memory_bytes: int
    takes_grammars: bool = True
    """Whether it holds answers to `thoughts` and `calls`; any engine holds them to a schema."""


class Engine(Protocol):
    """A loaded model. Every method may raise EngineCrashed (the process is gone) and EngineRefused (it said no).

    Answers are tellings: cancel one, or close it, to cancel the work; the slot is free soon after. PromptTooLong is
    raised, before the first event, where the prompt does not fit the context.
    """

    @property
    def properties(self) -> EngineProperties:
        """What it said of itself when it became ready."""
        ...

    def complete(self, request: EngineCompletion) -> Telling[EngineEvent]:
        """A completion; the last event is EngineEnd."""
        ...

    def chat(self, request: EngineChat) -> Telling[EngineEvent]:
        """An answer to a conversation; the last event is EngineEnd."""
        ...

    async def render_chat(
        self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), think: Think | None = None
    ) -> str:
        """The prompt that the engine's own template makes of a conversation."""
        ...

    async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        """Token ids of `text`; special tokens in the text are recognised."""
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        ...

    async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
        """One vector for each input, in one call. Raises PromptTooLong where an input does not fit the context."""
        ...

    async def rerank(self, query: str, documents: Sequence[str]) -> EngineScores:
        """How well each document answers, in one call. Raises PromptTooLong where one does not fit with the query."""
        ...


class EngineProcess(Protocol):
    """A running engine and its life, as the scheduler sees it."""

    @property
    def engine(self) -> Engine:
        """The means to talk to it."""
        ...

    @property
    def pid(self) -> int:
        """The child's process id."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether the child still runs; never waits."""
        ...

    async def wait_useless(self) -> None:
        """Return once it answers no more: its process has ended, or hangs with work to do."""
        ...

    async def stop(self) -> None:
        """End the child and reap it: politely, then by force. Safe to call twice and to be cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load is, 0 to 1."""

    fraction: float
