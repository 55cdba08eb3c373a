"""The settings that are in force now, and word of their change."""

import anyio

from tampu.config import Settings


class CurrentSettings:
    """Read `value` each time it is needed. One owner replaces it, always as a whole."""

    def __init__(self, value: Settings) -> None:
        self.value = value
        self.waiting: tuple[str, ...] = ()
        """What was changed since and needs a restart, by its key."""
        self.fault = ""
        """Why what was read last does not count; "" where it does."""
        self._replaced = anyio.Event()

    def replace(self, value: Settings, *, waiting: tuple[str, ...] = ()) -> None:
        """Others are in force from now on."""
        self.value, self.waiting, self.fault = value, waiting, ""
        replaced, self._replaced = self._replaced, anyio.Event()
        replaced.set()

    async def wait_other(self, than: Settings, *, most_s: float = float("inf")) -> None:
        """Return once others `than` these are in force, at once where they are by now, or after `most_s`."""
        if self.value is than:
            with anyio.move_on_after(most_s):
                await self._replaced.wait()
