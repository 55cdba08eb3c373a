"""Uploads that a client is about to use: it sent the blob, and no manifest names it yet."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.store.locks import Pins

_HOLD_S: Final = 600.0
_MOST_HELD: Final = 64


@dataclass(frozen=True, slots=True)
class _Held:
    pins: Pins
    until: float


class Holds:
    """Blobs that deletion leaves alone for a while.

    Between an upload and the create that names it, nothing else protects a blob from the deletion of another model
    with the same content. A held blob is pinned, so other processes leave it alone too.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def add(self, digest: str, path: Path) -> bool:
        """Hold a blob from now on; False if it is gone. The oldest one is let go where too many are held."""
        pins = Pins()
        if not pins.add(path):
            return False
        with self._lock:
            self._let_go([digest])
            self._held[digest] = _Held(pins, self._clock() + _HOLD_S)
            self._let_go(list(self._held)[:-_MOST_HELD])
        return True

    def release(self, digests: Iterable[str]) -> None:
        """Let go of these (a manifest names them now), and of what was held long enough."""
        now = self._clock()
        with self._lock:
            self._let_go([*digests, *(digest for digest, held in self._held.items() if held.until <= now)])

    def __contains__(self, digest: object) -> bool:
        with self._lock:
            return digest in self._held

    def _let_go(self, digests: Iterable[str]) -> None:
        for digest in digests:
            held = self._held.pop(digest, None)
            if held is not None:
                held.pins.keep_only(())
