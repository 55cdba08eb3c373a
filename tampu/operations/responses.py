"""Responses: answers that go on from earlier ones, and that are kept to be gone on from.

1. What an answer goes on from is looked up before anything is asked of a model.
2. A response is kept before its end is told: whoever has seen the end can ask for it.
3. An answer that cannot be kept is given all the same, and says that it is not kept.
4. One that is ended by its id is kept as far as it came. One that fails, or whose client leaves, is not.
"""

import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Final, Protocol

import anyio
import anyio.to_thread

from tampu.arrival import Arrival
from tampu.errors import BadRequest, EngineError, ResponseNotFound, StoreError
from tampu.generation import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from tampu.operations.count import count_tokens
from tampu.operations.generate import Generate, generate
from tampu.operations.services import Services
from tampu.responses import Ending, Keeping, KeptResponse, ResponseEnded, ResponseEvent, ResponseRequest
from tampu.state.responses import KeptResponses
from tampu.units import KeepAlive

_log = logging.getLogger(__name__)
SHORT_S: Final = 24 * 3600.0
"""As long a conversation may rest whose requests do not say whether to keep it."""
_KEEPING_S: Final = 5.0
"""How long keeping a cancelled response may hold up its end."""
_MOST_REFERRED: Final = 1_000


class Kept(Protocol):
    """Where responses are kept: see tampu/state/responses.py."""

    async def keep(self, response: KeptResponse, lasting_s: float) -> None: ...
    async def find(self, response_id: str) -> KeptResponse | None: ...
    async def conversation(self, response_id: str) -> Sequence[KeptResponse]: ...
    async def remove(self, response_id: str) -> bool: ...


@dataclass(slots=True)
class _UnderWay:
    """A response that is being made. `over` is set once it is kept, or will not be."""

    request_id: str
    is_canceled: bool = False
    over: anyio.Event = field(default_factory=anyio.Event)


class Responses:
    """All responses of a server: those that are kept, and those under way."""

    def __init__(
        self,
        generate: Generate,
        kept: Kept,
        *,
        lasting: Callable[[], KeepAlive],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lasting`: how long responses are kept now. `clock` gives seconds since the epoch."""
        self._generate, self._kept, self._lasting, self._clock = generate, kept, lasting, clock
        self._under_way: dict[str, _UnderWay] = {}

    async def respond(self, request: ResponseRequest, *, arrival: Arrival) -> AsyncGenerator[ResponseEvent, None]:
        """The events of the response; the last one is ResponseEnded, in the place of Finished.

        Raises what generating raises, and PreviousResponseNotFound. Close it to cancel the work.
        """
        asked = await self._asked(request)  # 1
        entry = self._under_way[request.id] = _UnderWay(arrival.request_id)
        seen: list[GenerationEvent] = []
        try:
            async with aclosing(self._generate(asked, arrival=arrival)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        end = await self._ended(request, seen, event)
                        del self._under_way[request.id]
                        yield end
                        return
                    seen.append(event)
                    yield event
            raise EngineError("the answer ended before it was complete; try again")
        finally:
            if entry.is_canceled:  # 4
                with anyio.move_on_after(_KEEPING_S, shield=True):
                    await self._ended(request, seen, None)
            self._under_way.pop(request.id, None)
            entry.over.set()

    async def count_tokens(self, request: ResponseRequest, *, arrival: Arrival) -> int:
        """How many tokens the model would read; raises what counting raises, and PreviousResponseNotFound."""
        return await count_tokens(self._generate, await self._asked(request), arrival=arrival)

    async def find(self, response_id: str) -> KeptResponse:
        """The response of that id; raises ResponseNotFound."""
        kept = await self._kept.find(response_id)
        if kept is None:
            raise ResponseNotFound(response_id)
        return kept

    async def remove(self, response_id: str) -> None:
        """Forget the response of that id; raises ResponseNotFound."""
        if not await self._kept.remove(response_id):
            raise ResponseNotFound(response_id)

    async def cancel(self, response_id: str, end: Callable[[str], None]) -> KeptResponse:
        """End the response of that id where it is being made; `end` ends a request by its number.

        Raises ResponseNotFound, and BadRequest where it is over.
        """
        entry = self._under_way.get(response_id)
        if entry is None:
            await self.find(response_id)
            raise BadRequest(f"response '{response_id}' is over and cannot be cancelled")
        entry.is_canceled = True
        end(entry.request_id)
        await entry.over.wait()
        return await self.find(response_id)

    async def _asked(self, request: ResponseRequest) -> GenerationRequest:
        earlier = await self._kept.conversation(request.previous_id) if request.previous_id else ()
        return await _conversation(request, earlier, await self._referred(request.referred_ids))

    async def _referred(self, response_ids: Sequence[str]) -> Sequence[KeptResponse]:
        if len(response_ids) > _MOST_REFERRED:
            raise BadRequest(f"the input refers to items of more than {_MOST_REFERRED} responses; send the items")
        found = [await self._kept.find(response_id) for response_id in response_ids]
        return [kept for kept in found if kept is not None]

    async def _ended(
        self, request: ResponseRequest, seen: Sequence[GenerationEvent], finished: Finished | None
    ) -> ResponseEnded:
        """The end, kept. `finished` is None where the response was cancelled."""
        ending = Ending(
            reason=finished.reason if finished else FinishReason.STOP,
            usage=finished.usage if finished else Usage(),
            at_s=int(self._clock()),
            keeping=Keeping.NONE if self._lasting().is_zero else request.keeping,
            is_canceled=finished is None,
        )
        document = await self._kept_document(request, joined(seen), ending)
        return ResponseEnded(document, ending.reason)

    async def _kept_document(
        self, request: ResponseRequest, events: Sequence[GenerationEvent], ending: Ending
    ) -> bytes:
        document = request.document(events, ending)
        if ending.keeping is Keeping.NONE:
            return document
        lasting_s = self._lasting().seconds or math.inf
        if ending.keeping is Keeping.SHORT:
            lasting_s = min(lasting_s, SHORT_S)
        kept = KeptResponse(id=request.id, previous_id=request.previous_id, items=request.items, document=document)
        try:
            await self._kept.keep(kept, lasting_s)  # 2
        except StoreError as error:  # 3
            _log.warning("a response could not be kept: %s", error.message)
            return request.document(events, replace(ending, keeping=Keeping.NONE))
        return document


def open_responses(services: Services) -> Responses:
    """The responses of a server with these services."""
    return Responses(
        partial(generate, services), KeptResponses(services.database), lasting=lambda: services.settings.keep_responses
    )


async def _conversation(
    request: ResponseRequest, earlier: Sequence[KeptResponse], referred: Sequence[KeptResponse]
) -> GenerationRequest:
    """What to ask; a long history is read in a thread, so that others go on."""
    if not earlier and not referred:
        return request.conversation((), ())
    return await anyio.to_thread.run_sync(request.conversation, earlier, referred)


def joined(events: Iterable[GenerationEvent]) -> list[GenerationEvent]:
    """The events with texts of one kind that follow each other as one."""
    found: list[GenerationEvent] = []
    for kind, run in groupby(events, type):
        if kind is TextDelta or kind is ThinkingDelta:
            pieces = [event for event in run if isinstance(event, TextDelta | ThinkingDelta)]
            logprobs = tuple(entry for piece in pieces for entry in piece.logprobs)
            found.append(kind("".join(piece.text for piece in pieces), logprobs))
        else:
            found.extend(run)
    return found
