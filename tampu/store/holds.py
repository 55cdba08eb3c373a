"""Uploads that a client is about to use: it asked for the blob or sent it, and no manifest names it yet."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

_HOLD_S: Final = 600.0


class Holds:
    """Digests that deletion leaves alone for a while: between an upload and the create that names it nothing else
    protects the blob from the deletion of another model with the same content. Kept in memory only.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, digest: str) -> None:
        """Hold a digest from now on."""
        now = self._clock()
        with self._lock:
            self._until = {held: until for held, until in self._until.items() if until > now}
            self._until[digest] = now + _HOLD_S

    def release(self, digests: Iterable[str]) -> None:
        """A manifest names these now."""
        with self._lock:
            for digest in digests:
                self._until.pop(digest, None)

    def __contains__(self, digest: object) -> bool:
        with self._lock:
            return self._until.get(str(digest), 0.0) > self._clock()
