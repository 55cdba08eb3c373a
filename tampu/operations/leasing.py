"""The use of an engine for one request, with the errors that only the store can explain."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio

from tampu.arrival import Arrival
from tampu.errors import EngineCrashed, EngineStartFailed, ModelNotFound
from tampu.operations.services import Services
from tampu.scheduler.lease import Lease
from tampu.scheduler.line import Asker
from tampu.scheduler.records import LoadRequest

T = TypeVar("T")


@asynccontextmanager
async def lease_for(
    services: Services, load: LoadRequest, *, asked: str, arrival: Arrival, size: int = 0
) -> AsyncGenerator[Lease, None]:
    """Lease an engine for the model that the request calls `asked`; raises ModelNotFound where its weights are gone.

    `size`: characters of a prompt that is to be read.
    """
    try:
        asker = Asker(arrival.client, size, arrival.request_id)
        async with services.scheduler.lease(load, asker=asker) as lease:
            yield lease
    except EngineStartFailed as error:
        if await anyio.Path(load.spec.model_path).exists():
            raise
        raise ModelNotFound(asked, f'model "{asked}" not found, try pulling it first') from error


async def again_if_it_crashes(work: Callable[[], Awaitable[T]], *, unless: Callable[[], bool] = lambda: False) -> T:
    """What `work` gives. It leases an engine; as long as it has told its caller nothing, a crash costs a second try and
    no error. A second crash is raised, for the request may be what the engine dies of. `unless`: it has told something
    that cannot be taken back; asked once, after a crash.
    """
    try:
        return await work()
    except EngineCrashed:
        if unless():
            raise
        return await work()
