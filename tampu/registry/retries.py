"""Asks a busy registry again, as soon as it said that it may be asked."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from tampu.registry.client import RegistryAnswer
from tampu.registry.patience import Patience

_BUSY: Final = frozenset({429, 503})
_MOST_RETRIES: Final = 3

Answer = TypeVar("Answer")


async def when_asked_to_wait(patience: Patience, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer of `ask`, which is repeated while the registry is busy and names a time; raises what it raises."""
    for failures in range(1, _MOST_RETRIES + 1):
        try:
            return await ask()
        except RegistryAnswer as answer:
            if answer.code not in _BUSY or answer.wait_s is None or answer.wait_s > patience.longest_pause_s:
                raise
            await anyio.sleep(patience.pause_s(failures, answer.wait_s))
    return await ask()
