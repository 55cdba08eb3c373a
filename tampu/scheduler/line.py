"""Who waits for a slot of a loaded model, and who gets the next one. Pure.

1. The next slot goes to the client that uses the fewest; among those, to the one whose last turn is longest ago.
2. A client's own requests are served in order, but a short one passes a long one, whose prompt takes long to read.
3. A request is passed so at most `MOST_PASSES` times: nobody waits for ever.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

LONG_BYTES: Final = 4096
"""A shorter prompt is read so soon that nobody need pass it."""
SHORT_SHARE: Final = 8
"""So many times shorter than a long one is short."""
MOST_PASSES: Final = 4

Waiter = TypeVar("Waiter")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and for how much: `client` is a name for fairness alone, `size` the length of the prompt in bytes.

    `request_id` is what others may call the request; nothing is decided by it.
    """

    client: str = ""
    size: int = 0
    request_id: str = ""


ANYBODY: Final = Asker()


@dataclass(slots=True)
class _Place(Generic[Waiter]):
    waiter: Waiter
    asker: Asker
    passes: int = 0


class Line(Generic[Waiter]):
    """The waiting, in order of arrival."""

    def __init__(self) -> None:
        self._places: list[_Place[Waiter]] = []
        self._turns = 0
        self._last_turns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Waiter]:
        return (place.waiter for place in self._places)

    def join(self, waiter: Waiter, asker: Asker) -> None:
        """Stand at the end."""
        self._places.append(_Place(waiter, asker))

    def remove(self, waiter: Waiter) -> None:
        """Go without having been served."""
        self._drop(next(place for place in self._places if place.waiter is waiter))

    def next(self, working: Mapping[str, int]) -> tuple[Waiter, Asker]:
        """Take out whose turn it is; `working` counts the slots that each client uses. Only where somebody waits."""
        first_of: dict[str, _Place[Waiter]] = {}
        for place in self._places:
            first_of.setdefault(place.asker.client, place)
        client = min(first_of, key=lambda client: (working.get(client, 0), self._last_turns.get(client, 0)))
        chosen = self._overtaking(first_of[client])
        self._turns += 1
        self._last_turns[client] = self._turns
        self._drop(chosen)
        return chosen.waiter, chosen.asker

    def _overtaking(self, head: _Place[Waiter]) -> _Place[Waiter]:
        """The first of its client's requests that passes `head`, or `head` itself."""
        if head.asker.size < LONG_BYTES:
            return head
        own = [place for place in self._places if place.asker.client == head.asker.client]
        for number, place in enumerate(own):
            if place.asker.size * SHORT_SHARE < head.asker.size:
                for passed in own[:number]:
                    passed.passes += 1
                return place
            if place.passes >= MOST_PASSES:
                break
        return head

    def _drop(self, place: _Place[Waiter]) -> None:
        self._places.remove(place)
        # A client that waits no more is forgotten, or their number would grow for ever.
        if all(other.asker.client != place.asker.client for other in self._places):
            self._last_turns.pop(place.asker.client, None)
