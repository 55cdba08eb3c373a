"""The requests that are being worked on, by their ids: whose they are, and how to end one."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from tampu.arrival import Arrival
from tampu.descriptions import QueuedRequest, Standing
from tampu.errors import NotFound


@dataclass(slots=True)
class Entry:
    """One request, and the scope that ends it."""

    arrival: Arrival
    scope: anyio.CancelScope
    is_canceled: bool = False


class Underway:
    """Knows every request from the moment in which its body has been read to the end of its answer."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._entries)

    @contextmanager
    def entry(self, arrival: Arrival, scope: anyio.CancelScope) -> Iterator[Entry]:
        """The block works on the request of that arrival, and `scope` ends it."""
        entry = self._entries[arrival.request_id] = Entry(arrival, scope)
        try:
            yield entry
        finally:
            del self._entries[arrival.request_id]

    def cancel(self, request_id: str) -> None:
        """End that request; its client is told so. Raises NotFound."""
        entry = self._entries.get(request_id)
        if entry is None:
            raise NotFound(f"there is no request {request_id}; it may be over")
        entry.is_canceled = True
        entry.scope.cancel()

    def described(self, standings: Iterable[Standing]) -> list[QueuedRequest]:
        """The requests that stand somewhere, with their clients and times."""
        now_ns = time.time_ns()
        found = ((standing, self._entries.get(standing.request_id)) for standing in standings)
        return [
            QueuedRequest(standing, entry.arrival.client, now_ns - entry.arrival.elapsed_ns())
            for standing, entry in found
            if entry is not None
        ]
