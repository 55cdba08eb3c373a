"""Text from a model, for every dialect: the whole path of a request behind its decoding.

The rules of the path, in order (the numbers stand beside the code):
1. A name that is not stored, or runs elsewhere, is refused before anything else.
2. An empty request with a keep-alive of zero unloads; it is not checked further and loads nothing.
3. What the model cannot do is refused before it is loaded.
4. An empty request ends once the model is loaded.
5. The prompt goes to the engine as it is. Only where the engine says that it is too long is it made to fit, and the
   last event says what was left out: no second tokenizing on the usual path, nothing dropped in silence.
6. An engine that dies before any of its words has left costs the caller nothing: a new one is asked once.
"""

import json
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from tampu.arrival import Arrival
from tampu.audience import Audience, Telling
from tampu.engine.protocol import Engine, EngineEnd, StopKind
from tampu.errors import BadRequest, InvalidOutputFormat
from tampu.generation import (
    ChatInput,
    CompletionInput,
    Dropped,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    InvalidFormat,
    PromptRendered,
    ThinkingDelta,
    Timings,
    ToolCallReady,
    Usage,
)
from tampu.operations.answer import Said, Stuck
from tampu.operations.bounds import check_length
from tampu.operations.leasing import again_if_it_crashes, lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.prompt import strange_token
from tampu.operations.run import Run
from tampu.operations.runs import run_for
from tampu.operations.selection import Selection, select
from tampu.operations.services import Services

_log = logging.getLogger(__name__)
_NS_PER_MS = 1_000_000
Tell = Callable[[GenerationEvent], None]


class Generate(Protocol):
    """`generate` with its services: what runs one request for those who make more of it."""

    def __call__(self, request: GenerationRequest, *, arrival: Arrival) -> AsyncGenerator[GenerationEvent, None]: ...


def generate(services: Services, request: GenerationRequest, *, arrival: Arrival) -> Telling[GenerationEvent]:
    """The events of the answer; the last one is Finished (or PromptRendered, where only that is asked for).

    Raises any TampuError that is the caller's or the engine's, before the first event or in mid-stream.
    """
    return Telling(partial(_generate, services, request, arrival))


async def _generate(
    services: Services, request: GenerationRequest, arrival: Arrival, audience: Audience[GenerationEvent]
) -> None:
    model = await find_model(services, request.model)  # 1
    require_local(model)
    if request.is_unload:  # 2
        for path in model.weights[:1]:
            await services.scheduler.unload(str(path))
        audience.tell(Finished(reason=FinishReason.UNLOAD))
        return
    selection = await select(services, request, model)  # 3
    _check_bias(selection)
    said = Said()
    work = partial(_answer, services, selection, arrival, said, audience)
    await again_if_it_crashes(work, unless=lambda: not _is_untold(said, audience))  # 6


def _is_untold(said: Said, audience: Audience[GenerationEvent]) -> bool:
    """Whether the answer can begin anew; what was said of it is then forgotten."""
    if said.has_begun and audience.forget is not None:
        audience.forget()
        said.forget()
    return not said.has_begun


async def _answer(
    services: Services, selection: Selection, arrival: Arrival, said: Said, audience: Audience[GenerationEvent]
) -> None:
    """Lease an engine, and tell what it answers, or the only event of a request that needs no answer."""
    request = selection.request
    size = _size(request)
    async with lease_for(services, selection.load, asked=request.model, arrival=arrival, size=size) as lease:
        clock = _Clock(arrival, arrival.elapsed_ns())
        if request.is_empty:  # 4
            audience.tell(Finished(reason=FinishReason.LOAD))
            return
        check_length(size, num_ctx=lease.engine.properties.num_ctx)
        run = await run_for(selection, lease.engine)
        if request.debug_render_only:
            prompt = await run.fitted_prompt()
            audience.tell(PromptRendered(prompt.text, len(prompt.images)))
            return
        _check_format(request)
        ending = _Ending(request, run, lease.engine, clock, said)
        end: EngineEnd | Stuck = Stuck(0)
        if selection.sampling.num_predict != 0:
            end = await run.answer(_as_asked(audience, request, ending), said)
        if run.dropped:
            _log.info("prompt shortened to fit", extra=_told(selection, run.dropped))
        audience.tell(await ending.finished(end))


@dataclass(frozen=True, slots=True)
class _Ending:
    """Makes the last event: counts of the engine (or ours, where we ended the answer), context, what was dropped.

    `said` is complete once the end is there.
    """

    request: GenerationRequest
    run: Run
    engine: Engine
    clock: "_Clock"
    said: Said
    thoughts: list[str] = field(default_factory=list)

    async def finished(self, end: EngineEnd | Stuck) -> Finished:
        prompt = (await self.run.prompt()).text
        if isinstance(end, EngineEnd):
            finished = _finished(end, self.clock)
        else:
            tokens = len(await self.engine.tokenize(prompt))
            usage = Usage(prompt_tokens=tokens, completion_tokens=end.completion_tokens)
            finished = Finished(reason=FinishReason.LENGTH, usage=usage, timings=self.clock.timings())
        if _wants_context(self.request):
            context = await self.engine.tokenize(prompt + "".join(self.said.raw))
            finished = replace(finished, context=tuple(context))
        if self.thoughts:
            finished = replace(finished, usage=await self._with_thoughts(finished.usage))
        return replace(finished, dropped=self.run.dropped)

    async def _with_thoughts(self, usage: Usage) -> Usage:
        tokens = len(await self.engine.tokenize("".join(self.thoughts), add_special=False))
        return replace(usage, thinking_tokens=min(tokens, usage.completion_tokens))


def _as_asked(
    audience: Audience[GenerationEvent], request: GenerationRequest, ending: _Ending
) -> Audience[GenerationEvent]:
    """The audience, with what only some requests want done to their events; the others pay nothing for it."""
    tell = audience.tell
    if isinstance(request.input, ChatInput) and not request.input.parallel_calls:
        tell = _with_one_call(tell)
    if request.counts_thoughts and request.think:
        tell = _noting_thoughts(tell, ending.thoughts)
    return Audience(tell, audience.pace)


def _noting_thoughts(tell: Tell, thoughts: list[str]) -> Tell:
    def noting(event: GenerationEvent) -> None:
        if isinstance(event, ThinkingDelta):
            thoughts.append(event.text)
        tell(event)

    return noting


def _with_one_call(tell: Tell) -> Tell:
    """Without the calls after the first. They are made to their end all the same, so that the counts are true."""
    has_called = False

    def telling_one(event: GenerationEvent) -> None:
        nonlocal has_called
        if isinstance(event, ToolCallReady):
            if has_called:
                return
            has_called = True
        tell(event)

    return telling_one


def _told(selection: Selection, dropped: Dropped) -> dict[str, object]:
    model = selection.model.name.short
    return {"model": model, "dropped_messages": dropped.messages, "dropped_tokens": dropped.tokens}


class _Clock:
    """Times of one request in nanoseconds."""

    def __init__(self, arrival: Arrival, load_ns: int) -> None:
        self._arrival, self._load_ns = arrival, load_ns

    def timings(self, *, prompt_ms: float = 0, completion_ms: float = 0) -> Timings:
        return Timings(
            total_ns=self._arrival.elapsed_ns(),
            load_ns=self._load_ns,
            prompt_ns=int(prompt_ms * _NS_PER_MS),
            completion_ns=int(completion_ms * _NS_PER_MS),
        )


def _finished(end: EngineEnd, clock: _Clock) -> Finished:
    return Finished(
        reason=FinishReason.LENGTH if end.stop is StopKind.LIMIT else FinishReason.STOP,
        usage=Usage(end.prompt_tokens, end.cached_tokens, end.completion_tokens),
        timings=clock.timings(prompt_ms=end.prompt_ms, completion_ms=end.completion_ms),
        stop_sequence=end.stop_word,
    )


def _size(request: GenerationRequest) -> int:
    """Characters of the prompt, without what a template adds."""
    match request.input:
        case CompletionInput() as wanted:
            # A token is a few characters.
            numbers = len(wanted.context or ()) + len(wanted.tokens)
            return len(wanted.prompt) + len(wanted.suffix) + len(wanted.system) + 4 * numbers
        case ChatInput(messages=messages):
            return sum(len(message.content) for message in messages)


def _wants_context(request: GenerationRequest) -> bool:
    return isinstance(request.input, CompletionInput) and not request.input.raw


def _check_bias(selection: Selection) -> None:
    strange = strange_token(tuple(selection.request.logit_bias), selection.facts)
    if strange is not None:
        raise BadRequest(f"logit_bias names {strange}, which is no token of this model")


def _check_format(request: GenerationRequest) -> None:
    match request.format:
        case InvalidFormat(raw_json=raw):
            expected = 'expected "json" or a valid JSON Schema object'
            raise InvalidOutputFormat(f"invalid format: {json.dumps(raw, ensure_ascii=False)}; {expected}")
