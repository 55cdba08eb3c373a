"""The settings that are in force now, and word of their change."""

import anyio

from tampu.config import Settings


class CurrentSettings:
    """Read `value` each time it is needed. One owner replaces it, always as a whole."""

    def __init__(self, value: Settings) -> None:
        self.value = value
        self._replaced = anyio.Event()

    def replace(self, value: Settings) -> None:
        """Others are in force from now on."""
        self.value = value
        replaced, self._replaced = self._replaced, anyio.Event()
        replaced.set()

    async def wait_replaced(self, *, most_s: float = float("inf")) -> None:
        """Return once others are in force, or after `most_s`."""
        replaced = self._replaced
        with anyio.move_on_after(most_s):
            await replaced.wait()
