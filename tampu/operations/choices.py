"""Several answers for one caller: all run at once, as requests of their own, and their events come as they are made."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from tampu.arrival import Arrival
from tampu.errors import TampuError
from tampu.generation import ChoiceEvent, ChoicesEvent, ChoicesRequest, GenerationEvent, GenerationRequest

_MOST_WAITING = 64
"""Events that wait for a slow reader before the answers do."""


class Generate(Protocol):
    """Runs one request."""

    def __call__(self, request: GenerationRequest, *, arrival: Arrival) -> AsyncGenerator[GenerationEvent, None]: ...


def generate_choices(
    generate: Generate, request: ChoicesRequest, *, arrival: Arrival
) -> AsyncGenerator[ChoicesEvent, None]:
    """The events of all answers; those of the only one come bare, at no cost.

    The first error of any answer ends them all. Close it to cancel the work.
    """
    if request.is_single:
        return generate(request.requests[0], arrival=arrival)
    return _together(lambda single: generate(single, arrival=arrival), request)


async def _together(
    generate: Callable[[GenerationRequest], AsyncGenerator[GenerationEvent, None]], request: ChoicesRequest
) -> AsyncGenerator[ChoicesEvent, None]:
    send, receive = anyio.create_memory_object_stream[ChoiceEvent | TampuError](_MOST_WAITING)
    failure: TampuError | None = None
    async with anyio.create_task_group() as group, receive:
        async with send:
            for choice, single in enumerate(_singles(request)):
                group.start_soon(_tell, generate(single), choice, send.clone())
        try:
            async for told in receive:
                if isinstance(told, TampuError):
                    failure = told
                    break
                yield told
        except GeneratorExit:
            pass  # a task group would make an error of it; the cancelling below is all that is due
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _tell(
    events: AsyncGenerator[GenerationEvent, None],
    choice: int,
    send: MemoryObjectSendStream[ChoiceEvent | TampuError],
) -> None:
    async with send, aclosing(events):
        try:
            async for event in events:
                await send.send(ChoiceEvent(choice, event))
        except TampuError as error:
            await send.send(error)


def _singles(request: ChoicesRequest) -> list[GenerationRequest]:
    """Every answer as a request; alternatives under one seed would all be the same, so each counts on from it."""
    return [_with_seed(single, more) for single in request.requests for more in range(request.alternatives)]


def _with_seed(request: GenerationRequest, more: int) -> GenerationRequest:
    seed = request.options.get("seed")
    if not more or not isinstance(seed, int) or seed < 0:
        return request
    return replace(request, options={**request.options, "seed": seed + more})
