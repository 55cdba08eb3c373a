"""Several answers for one caller: all run at once, as requests of their own, and their events come as they are made."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from functools import partial

import anyio

from tampu.arrival import Arrival
from tampu.audience import Audience, Telling, tell_all
from tampu.generation import ChoiceEvent, ChoicesEvent, ChoicesRequest, GenerationEvent, GenerationRequest
from tampu.operations.generate import Generate
from tampu.registry.failures import first_failure


def generate_choices(
    generate: Generate, request: ChoicesRequest, *, arrival: Arrival
) -> AsyncGenerator[ChoicesEvent, None]:
    """The events of all answers; those of the only one come bare, at no cost.

    The first error of any answer ends them all.
    """
    if request.is_single:
        return generate(request.requests[0], arrival=arrival)
    return Telling(partial(_together, lambda single: generate(single, arrival=arrival), request))


async def _together(
    generate: Callable[[GenerationRequest], AsyncGenerator[GenerationEvent, None]],
    request: ChoicesRequest,
    audience: Audience[ChoicesEvent],
) -> None:
    try:
        async with anyio.create_task_group() as group:
            for choice, single in enumerate(_singles(request)):
                group.start_soon(tell_all, generate(single), _numbered(choice, audience))
    except ExceptionGroup as failures:
        raise first_failure(failures) from None


def _numbered(choice: int, audience: Audience[ChoicesEvent]) -> Audience[GenerationEvent]:
    return Audience(lambda event: audience.tell(ChoiceEvent(choice, event)), audience.pace)


def _singles(request: ChoicesRequest) -> list[GenerationRequest]:
    """Every answer as a request; alternatives under one seed would all be the same, so each counts on from it."""
    return [_with_seed(single, more) for single in request.requests for more in range(request.alternatives)]


def _with_seed(request: GenerationRequest, more: int) -> GenerationRequest:
    seed = request.options.get("seed")
    if not more or not isinstance(seed, int) or seed < 0:
        return request
    return replace(request, options={**request.options, "seed": seed + more})
