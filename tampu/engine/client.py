"""Talks to one engine over its socket: the `Engine` of the rest of the code."""

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

import anyio
import msgspec

from tampu import wire
from tampu.audience import Audience, Telling
from tampu.engine.connection import Address, Answer, exchange, request_bytes
from tampu.engine.constraint import constraint, followable_schema, older_constraint, plain_constraint
from tampu.engine.constraint_log import ConstraintLog
from tampu.engine.express import take_text_alone
from tampu.engine.grammar import tags_of
from tampu.engine.prompts import Prompts, Slot
from tampu.engine.protocol import (
    EngineChat,
    EngineCompletion,
    EngineEnd,
    EngineEvent,
    EngineProperties,
    EngineScores,
    EngineVectors,
)
from tampu.engine.pulse import Work
from tampu.engine.ranks import RanksAnswer
from tampu.engine.replies import (
    ChatReader,
    CompletionReader,
    ReplyReader,
    UnreadableReply,
    refusal,
)
from tampu.engine.requests import Body, chat_body, completion_body, conversation_fields, prompt_size, schema_of
from tampu.engine.reuse import NO_REUSE, Reuse
from tampu.engine.schema_proof import ProvenEvents, SchemaProof
from tampu.engine.sse import EventReader, EventTooLong
from tampu.engine.vectors import VectorsAnswer, vectors_body
from tampu.errors import EngineCrashed, EngineError, EngineRefused, Overloaded
from tampu.generation import Think
from tampu.messages import Message, Tool, without_images

CRASHED: Final = "an error was encountered while running the model: unexpected EOF"
_LOG_SILENCE_S: Final = 30.0
_LEFT_FOR: Final = 2
"""The news that come first may be older than the leaving."""
_WE_LACK: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What a connection fails with for want of something on our side: the engine is well, and others use it."""

T = TypeVar("T")


class _Text(msgspec.Struct):
    content: str = ""
    prompt: str = ""


class _Tokens(msgspec.Struct):
    tokens: list[int] = []


class _Saved(msgspec.Struct):
    n_saved: int = 0


class _Restored(msgspec.Struct):
    n_restored: int = 0


class _GenerationSettings(msgspec.Struct):
    n_ctx: int = 0


class _Properties(msgspec.Struct):
    default_generation_settings: _GenerationSettings = msgspec.field(default_factory=_GenerationSettings)
    total_slots: int = 1
    media_marker: str = "<__media__>"
    bos_token: str = ""
    eos_token: str = ""


class EngineClient:
    """Implements `Engine`. One connection a request: an engine closes idle ones whenever it likes.

    `exit_code` asks the process behind how it ended. `constraints`: the log of a bundled engine, which takes
    directions inside a schema and only logs that it cannot follow one; any other engine refuses it. `reuse`: what it
    may take from earlier requests.
    """

    def __init__(
        self,
        address: Address,
        *,
        key: str,
        exit_code: Callable[[], int | None] = lambda: None,
        constraints: ConstraintLog | None = None,
        reuse: Reuse = NO_REUSE,
    ) -> None:
        self._address, self._key = address, key
        self._reuse = reuse
        self.prompts = None if reuse.shelf is None else Prompts(self, reuse.shelf, reuse.fingerprint)
        """The prompts that outlive the engine; None where none shall."""
        self._is_closed = False
        self._answers: set[Answer] = set()
        self._left_for = 0
        """For how many looks with news it still counts that an answer was left before it began."""
        self._fate = CRASHED
        self._exit_code, self._constraints = exit_code, constraints
        self._numbers = itertools.count(1)
        self._properties: EngineProperties | None = None
        self._tags: dict[str, list[int]] = {}
        self._end_text = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Start nothing more; safe to call twice. What is under way ends with the engine's process."""
        self._is_closed = True

    def work(self) -> Work:
        """What the engine owes at this moment, and whether anything came since this was asked last."""
        awaited = [answer for answer in self._answers if answer.is_awaited]
        news = [answer for answer in self._answers if answer.take_news()]
        begun = sum(answer.has_begun for answer in awaited)
        has_left = self._left_for > 0
        if news:
            self._left_for = max(0, self._left_for - 1)
        return Work(open=len(awaited), begun=begun, has_news=bool(news), has_left=has_left)

    async def turns(self, within_s: float) -> bool:
        """Whether the engine comes to the end of a step: there it answers what it is asked. True where it need not."""
        try:
            with anyio.move_on_after(within_s):
                await self.slots()
                return True
        except (EngineError, Overloaded):
            return True
        return False

    def give_up(self, why: str) -> None:
        """What is under way fails with `why` once the connections end."""
        self._fate = why

    @property
    def properties(self) -> EngineProperties:
        assert self._properties is not None, "introduce() comes first"  # noqa: S101  # a mistake of ours alone
        return self._properties

    async def introduce(self, *, memory_bytes: int) -> EngineProperties:
        """Ask the engine what it is; `memory_bytes` is what its process was seen to take."""
        told = await self._ask("GET", "/props", None, _Properties)
        self._end_text = told.eos_token
        bos = await self.tokenize(told.bos_token, add_special=False) if told.bos_token else []
        added = await self.tokenize("", add_special=True)
        # Some vocabularies put a blank in front of a text; the grammars' engine loses it.
        pads_words = len(await self.tokenize("\n", add_special=False)) > 1
        self._properties = EngineProperties(
            num_ctx=told.default_generation_settings.n_ctx,
            slots=told.total_slots,
            media_marker=told.media_marker,
            adds_bos=bool(bos) and added[:1] == bos[:1],
            bos_text=told.bos_token,
            memory_bytes=memory_bytes,
            takes_grammars=self._constraints is not None and not pads_words,
        )
        return self._properties

    async def is_ready(self) -> bool:
        """Whether the engine answers and has its model loaded; no error where nothing answers."""
        try:
            async with exchange(self._address, request_bytes("GET", "/health", key=self._key, body=None)) as answer:
                return await answer.status() == 200
        except OSError:
            return False

    def complete(self, request: EngineCompletion) -> Telling[EngineEvent]:
        is_held = schema_of(request.format) is not None or request.calls is not None
        if self._constraints is None:
            return Telling(partial(self._complete, request, plain_constraint(request)))
        if not self.properties.takes_grammars:
            return Telling(partial(self._complete, request, older_constraint(request)))
        if is_held:
            return Telling(partial(self._prove, request, self._constraints))
        return Telling(partial(self._complete, request, {}))

    def chat(self, request: EngineChat) -> Telling[EngineEvent]:
        reader = ChatReader(alternatives=request.logprobs, is_muted=request.sampling.num_predict == 0)
        body = chat_body(request, num_ctx=self.properties.num_ctx, schema=followable_schema(request))
        return Telling(partial(self._generate, "/v1/chat/completions", body, reader))

    async def render_chat(
        self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), think: Think | None = None
    ) -> str:
        body = conversation_fields(without_images(messages), tools, think)
        return (await self._ask("POST", "/apply-template", body, _Text)).prompt

    async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        body = {"content": text, "add_special": add_special, "parse_special": True}
        return (await self._ask("POST", "/tokenize", body, _Tokens)).tokens

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return (await self._ask("POST", "/detokenize", {"tokens": list(tokens)}, _Text)).content

    async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
        if not inputs:
            return EngineVectors((), 0)
        found = await self._ask("POST", "/v1/embeddings", vectors_body(inputs, normalize=normalize), VectorsAnswer)
        if len(found.data) != len(inputs):
            raise self._crashed(f"the engine gave {len(found.data)} vectors for {len(inputs)} inputs")
        return found.vectors()

    async def rerank(self, query: str, documents: Sequence[str]) -> EngineScores:
        if not documents:
            return EngineScores((), 0)
        found = await self._ask("POST", "/v1/rerank", {"query": query, "documents": list(documents)}, RanksAnswer)
        if len(found.results) != len(documents):
            raise self._crashed(f"the engine gave {len(found.results)} scores for {len(documents)} documents")
        return found.scores()

    async def slots(self) -> list[Slot]:
        return await self._ask("GET", "/slots", None, list[Slot])

    async def save_slot(self, slot: int, name: str) -> int:
        return (await self._ask("POST", f"/slots/{slot}?action=save", {"filename": name}, _Saved)).n_saved

    async def restore_slot(self, slot: int, name: str) -> int:
        return (await self._ask("POST", f"/slots/{slot}?action=restore", {"filename": name}, _Restored)).n_restored

    async def _generate(self, path: str, body: Body, reader: ReplyReader, audience: Audience[EngineEvent]) -> None:
        """Ask for a stream and tell it to its end; leaving closes the socket, which frees the slot."""
        events, tell = EventReader(), audience.tell
        body["cache_prompt"] = self._reuse.shares
        recalled = await self._recalled(body)

        def take(received: bytes) -> bool:
            for data in events.feed(received):
                for event in reader.read(data):
                    tell(event)
            return reader.end is not None

        answer: Answer | None = None
        try:
            async with self._open("POST", path, body) as answer:
                take_whole = take_text_alone(events, tell) if reader.is_plain else None
                await answer.pour(take, audience.pace, take_whole=take_whole)
                if reader.end is None:
                    raise self._crashed()
        finally:
            if reader.end is None:
                self._note_left(body, is_in_prompt=answer is None or not answer.has_begun)
        self._learn(reader.end, recalled)

    def _note_left(self, body: Body, *, is_in_prompt: bool) -> None:
        """An answer was left before its end, or even before its first word."""
        if is_in_prompt:
            self._left_for = _LEFT_FOR
        if self.prompts is not None:
            self.prompts.note_left(prompt_size(body))

    async def _recalled(self, body: Body) -> int:
        """Bring back what was kept of the prompt of a request; how many tokens that is."""
        if self.prompts is None or not self.prompts.may_have(prompt_size(body)):
            return 0
        return await self.prompts.recall(partial(self._tokens_of, body))

    async def _tokens_of(self, body: Body) -> list[int]:
        """The tokens of the prompt of a request, as the engine will see them."""
        prompt = body.get("prompt") or (await self._ask("POST", "/apply-template", body, _Text)).prompt
        return prompt if isinstance(prompt, list) else await self.tokenize(prompt)

    def _learn(self, end: EngineEnd, recalled: int) -> None:
        if self._reuse.payoff is not None:
            self._reuse.payoff.note(end)
        if self.prompts is not None:
            self.prompts.note(end, recalled=recalled)

    async def _complete(self, request: EngineCompletion, constraint: Body, audience: Audience[EngineEvent]) -> None:
        body = completion_body(request, num_ctx=self.properties.num_ctx, constraint=constraint)
        await self._generate("/completion", body, CompletionReader.of(request), audience)

    async def _prove(self, request: EngineCompletion, log: ConstraintLog, audience: Audience[EngineEvent]) -> None:
        """A constrained answer, each event let out only when the engine is known to hold it to its form."""
        proof = SchemaProof(log, f"constraint-{next(self._numbers)}", schema_of(request.format))
        ids = {tag: await self._tag_tokens(tag) for tag in tags_of(request.thoughts, request.calls)}
        proven = ProvenEvents(proof, audience, read_log=partial(self._catch_up, log))
        end = await self._tag_tokens(self._end_text) if request.calls and self._end_text else ()
        held = constraint(request, mark=proof.mark, ids=ids, num_ctx=self.properties.num_ctx, end=end)
        await self._complete(request, held, Audience(proven.tell, proven))
        await proven.catch_up()

    async def _tag_tokens(self, tag: str) -> list[int]:
        if tag not in self._tags:
            self._tags[tag] = await self.tokenize(tag, add_special=False)
        return self._tags[tag]

    async def _catch_up(self, log: ConstraintLog) -> None:
        """Return once all that the engine has logged so far is read: it logs a request that makes no sense."""
        barrier, reached = f"barrier-{next(self._numbers)}", anyio.Event()
        log.expect(barrier, partial(asyncio.get_running_loop().call_soon_threadsafe, reached.set))
        body = {"messages": [{"role": "user", "content": "?"}], "response_format": {"type": barrier}}
        try:
            with suppress(EngineRefused):
                await self._ask("POST", "/apply-template", body, _Text)
            with anyio.fail_after(_LOG_SILENCE_S):
                await reached.wait()
        except TimeoutError:
            raise self._crashed("the engine does not say whether it follows the schema") from None
        finally:
            log.forget(barrier)

    @asynccontextmanager
    async def _open(self, method: str, path: str, body: Body | None) -> AsyncGenerator[Answer, None]:
        """Send a request; inside, its good answer. The one place where failures of the connection become ours."""
        if self._is_closed:
            raise self._crashed()
        data = None if body is None else wire.encode(body)
        try:
            async with exchange(self._address, request_bytes(method, path, key=self._key, body=data)) as answer:
                with self._watched(answer):
                    status = await answer.status()
                    if status != 200:
                        raise refusal(status, (await answer.read()).decode("utf-8", "replace"))
                    yield answer
        except OSError as error:
            if error.errno in _WE_LACK:
                why = os.strerror(error.errno).lower()
                raise Overloaded(f"the server cannot open another connection: {why}; try again later") from error
            raise self._crashed() from error
        except UnreadableReply as error:
            raise self._crashed(str(error)) from None
        except EventTooLong:
            raise self._crashed("the engine sent an event without an end") from None

    @contextmanager
    def _watched(self, answer: Answer) -> Iterator[None]:
        self._answers.add(answer)
        try:
            yield
        finally:
            self._answers.discard(answer)

    def _crashed(self, message: str = "") -> EngineCrashed:
        return EngineCrashed(message or self._fate, exit_code=self._exit_code())

    async def _ask(self, method: str, path: str, body: Body | None, kind: type[T]) -> T:
        """One request with one answer, read as `kind`."""
        async with self._open(method, path, body) as answer:
            told = await answer.read()
        try:
            return msgspec.json.decode(told, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._crashed(f"the engine sent what cannot be read: {error}") from None
