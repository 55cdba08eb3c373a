"""Ends the answers that are still being given when the server must go."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Stopping:
    """Knows the scopes of all answers; `now` cancels them, and those that come later."""

    def __init__(self) -> None:
        self.has_come = False
        self._scopes: set[anyio.CancelScope] = set()

    def now(self) -> None:
        """Cancel every answer. Each says so to its client (see handlers.py)."""
        self.has_come = True
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def ends(self, scope: anyio.CancelScope) -> Iterator[None]:
        """The block is an answer that `scope` cancels."""
        if self.has_come:
            scope.cancel()
        self._scopes.add(scope)
        try:
            yield
        finally:
            self._scopes.discard(scope)
