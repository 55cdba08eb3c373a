"""Text from a model, for every dialect: the whole path of a request behind its decoding.

The rules of the path, in order (the numbers stand beside the code):
1. A name that is not stored, or runs elsewhere, is refused before anything else.
2. An empty request with a keep-alive of zero unloads; it is not checked further and loads nothing.
3. What the model cannot do is refused before it is loaded.
4. An empty request ends once the model is loaded.
5. The prompt goes to the engine as it is. Only where the engine says that it is too long is it made to fit, and the
   last event says what was left out: no second tokenizing on the usual path, nothing dropped in silence.
6. An engine that dies before it has said anything costs the caller nothing: a new one is asked once.
"""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from tampu.engine.protocol import Engine, EngineEnd, StopKind
from tampu.errors import BadRequest, EngineCrashed
from tampu.generation import (
    CompletionInput,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    InvalidFormat,
    PromptRendered,
    Timings,
    Usage,
)
from tampu.operations.answer import Stuck
from tampu.operations.leasing import lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.runs import Run, run_for
from tampu.operations.selection import Selection, select
from tampu.operations.services import Services
from tampu.scheduler.lease import Lease

_NS_PER_MS = 1_000_000


async def generate(
    services: Services, request: GenerationRequest, *, started_ns: int
) -> AsyncGenerator[GenerationEvent, None]:
    """The events of the answer; the last one is Finished (or PromptRendered, where only that is asked for).

    `started_ns`: time.perf_counter_ns() when the request came. Raises any TampuError that is the caller's or the
    engine's, before the first event or in mid-stream. Close it (`contextlib.aclosing`) to cancel the work.
    """
    model = await find_model(services, request.model)  # 1
    require_local(model)
    if request.is_unload:  # 2
        for path in model.weights[:1]:
            await services.scheduler.unload(str(path))
        yield Finished(reason=FinishReason.UNLOAD)
        return
    selection = await select(services, request, model)  # 3
    has_begun = False
    try:
        async with aclosing(_attempt(services, selection, started_ns)) as events:
            async for event in events:
                has_begun = True
                yield event
    except EngineCrashed:  # 6
        if has_begun:
            raise
    else:
        return
    async with aclosing(_attempt(services, selection, started_ns)) as events:
        async for event in events:
            yield event


async def _attempt(services: Services, selection: Selection, started_ns: int) -> AsyncGenerator[GenerationEvent, None]:
    request = selection.request
    async with lease_for(services, selection.load, asked=request.model) as lease:
        clock = _Clock(started_ns, time.perf_counter_ns() - started_ns)
        if request.is_empty:  # 4
            yield Finished(reason=FinishReason.LOAD)
            return
        async with aclosing(_answer(selection, lease, clock)) as events:
            async for event in events:
                yield event


class _Clock:
    """Times of one request in nanoseconds."""

    def __init__(self, started_ns: int, load_ns: int) -> None:
        self._started_ns, self._load_ns = started_ns, load_ns

    def timings(self, *, prompt_ms: float = 0, completion_ms: float = 0) -> Timings:
        return Timings(
            total_ns=time.perf_counter_ns() - self._started_ns,
            load_ns=self._load_ns,
            prompt_ns=int(prompt_ms * _NS_PER_MS),
            completion_ns=int(completion_ms * _NS_PER_MS),
        )


async def _answer(selection: Selection, lease: Lease, clock: _Clock) -> AsyncGenerator[GenerationEvent, None]:
    request = selection.request
    run = await run_for(selection, lease.engine)
    if request.debug_render_only:
        prompt = await run.fitted_prompt()
        yield PromptRendered(prompt.text, len(prompt.images))
        return
    _check_format(request)
    if selection.sampling.num_predict == 0:
        yield await _cut_short(run, lease.engine, clock, tokens=0)
        return
    raw: list[str] = []
    async with aclosing(run.events(raw)) as events:
        async for event in events:
            match event:
                case EngineEnd():
                    finished = _finished(event, clock)
                case Stuck(completion_tokens=tokens):
                    finished = await _cut_short(run, lease.engine, clock, tokens=tokens)
                case _:
                    yield event
    if _wants_context(request):
        text = (await run.prompt()).text + "".join(raw)
        finished = replace(finished, context=tuple(await lease.engine.tokenize(text)))
    yield replace(finished, dropped=run.dropped)


def _finished(end: EngineEnd, clock: _Clock) -> Finished:
    return Finished(
        reason=FinishReason.LENGTH if end.stop is StopKind.LIMIT else FinishReason.STOP,
        usage=Usage(end.prompt_tokens, end.cached_tokens, end.completion_tokens),
        timings=clock.timings(prompt_ms=end.prompt_ms, completion_ms=end.completion_ms),
    )


async def _cut_short(run: Run, engine: Engine, clock: _Clock, *, tokens: int) -> Finished:
    """The end of an answer that we ended, after so many tokens; the engine has not said how long the prompt was."""
    prompt_tokens = len(await engine.tokenize((await run.prompt()).text))
    usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=tokens)
    return Finished(reason=FinishReason.LENGTH, usage=usage, timings=clock.timings())


def _wants_context(request: GenerationRequest) -> bool:
    return isinstance(request.input, CompletionInput) and not request.input.raw


def _check_format(request: GenerationRequest) -> None:
    match request.format:
        case InvalidFormat(raw_json=raw):
            expected = 'expected "json" or a valid JSON Schema object'
            raise BadRequest(f"invalid format: {json.dumps(raw, ensure_ascii=False)}; {expected}")
