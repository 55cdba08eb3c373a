"""Notices that settings are to be read anew: on SIGHUP, and when the file has changed and rests again.

Rules:
1. A look costs a few stats every `LOOK_S` and nothing else; a file that is being written is waited for (`REST_S`).
2. What is wrong with the file is told in the log, once for each state of the file; the old settings stay in force.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from tampu.config import Settings
from tampu.config.file import stamps
from tampu.errors import TampuError
from tampu.operations.current import CurrentSettings

LOOK_S: Final = 2.0
REST_S: Final = 0.25
_log = logging.getLogger("tampu.server")

Reread = Callable[[], Settings]
Apply = Callable[[Settings], Awaitable[None]]


class SettingsWatch:
    """Run it for as long as the server runs. `reread` raises ConfigError; `places` are where a file may be."""

    def __init__(self, reread: Reread, places: Sequence[Path], apply: Apply, current: CurrentSettings) -> None:
        self._reread, self._places, self._apply, self._current = reread, places, apply, current
        self._asked = anyio.Event()

    def look_now(self) -> None:
        """Read the settings anew, changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        seen = await self._stamps()
        while True:
            with anyio.move_on_after(LOOK_S):
                await self._asked.wait()
            if is_asked := self._asked.is_set():
                self._asked = anyio.Event()
            found = await self._stamps()
            if found == seen and not is_asked:
                continue
            seen = await self._rested(found)
            await self._read()

    async def _rested(self, found: object) -> object:
        """Wait until nobody writes to the file any more; its state then."""
        while True:
            await anyio.sleep(REST_S)
            before, found = found, await self._stamps()
            if before == found:
                return found

    async def _stamps(self) -> object:
        return await to_thread.run_sync(lambda: list(stamps(self._places)))

    async def _read(self) -> None:
        try:
            await self._apply(await to_thread.run_sync(self._reread))
        except (TampuError, OSError) as error:
            why = getattr(error, "message", str(error))
            self._current.fault = why
            _log.error("settings are unchanged, because they cannot be read", extra={"error": why})
