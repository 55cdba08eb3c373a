"""Downloads that several clients may wait for: one job per blob, cancelled when the last client leaves.

A job belongs to the task group of the `SharedDownloads`, not to the client that began it. It runs as fast as the most
generous of its clients allows, and all jobs together as fast as the settings allow.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import TaskGroup

from tampu.errors import RegistryError
from tampu.registry.pace import Pace

_WIND_DOWN_S: Final = 10.0

Job = Callable[["SharedDownload"], Awaitable[None]]
"""Does the work of the download that it is given, at its pace, and reports to it."""


class SharedDownload:
    """A job, how far it is, and how fast it may go."""

    def __init__(self, job: Job, total: int, pace: Pace) -> None:
        self.job, self.pace = job, pace
        self.completed, self.total = 0, total
        self._limits: list[int] = []
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.failure: Exception | None = None

    @property
    def has_clients(self) -> bool:
        """Whether anybody waits for it."""
        return bool(self._limits)

    def enter(self, limit: int) -> None:
        """Count a client that wants no more than `limit` bytes a second; 0: as fast as can be."""
        self._limits.append(limit)
        self._set_pace()

    def leave(self, limit: int) -> None:
        """The opposite of `enter`."""
        self._limits.remove(limit)
        self._set_pace()

    def _set_pace(self) -> None:
        if self._limits:
            self.pace.rate = 0 if 0 in self._limits else max(self._limits)

    def report(self, completed: int, total: int) -> None:
        """Note how far the job is."""
        self.completed, self.total = completed, total

    async def wait(self, seconds: float) -> bool:
        """Whether the job has ended well, waiting for it up to `seconds`; raises what it failed with."""
        with anyio.move_on_after(seconds):
            await self.ended.wait()
        if self.failure is not None:
            raise self.failure
        return self.ended.is_set()


class SharedDownloads:
    """The jobs under way, by digest. Made by `open_shared_downloads`."""

    def __init__(self, group: TaskGroup, pace: Pace) -> None:
        self._group, self._pace = group, pace
        self._jobs: dict[str, SharedDownload] = {}

    def limit(self, rate: int) -> None:
        """Take so many bytes a second in all from now on, also for what is under way; 0: no limit."""
        self._pace.rate = rate

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._jobs

    @asynccontextmanager
    async def join(self, digest: str, job: Job, *, size: int, limit: int = 0) -> AsyncIterator[SharedDownload]:
        """Take part in the download of a blob, beginning it with `job` if nobody has."""
        while (download := self._jobs.get(digest)) and download.scope.cancel_called:
            await download.ended.wait()
        if download is None:
            download = self._jobs[digest] = SharedDownload(job, size, Pace(within=self._pace))
            self._group.start_soon(self._run, digest, download)
        download.enter(limit)
        try:
            yield download
        finally:
            download.leave(limit)
            if not download.has_clients and not download.ended.is_set():
                download.scope.cancel()
                # The files are let go of before the client is gone, so that a next attempt finds them whole.
                with anyio.move_on_after(_WIND_DOWN_S, shield=True):
                    await download.ended.wait()

    async def _run(self, digest: str, download: SharedDownload) -> None:
        try:
            with download.scope:
                await download.job(download)
        except BaseException as error:
            # A background job's border: whatever it is, the clients get it, and the other jobs go on.
            download.failure = error if isinstance(error, Exception) else RegistryError("the download was stopped")
            if not isinstance(error, Exception):
                raise
        finally:
            del self._jobs[digest]
            download.ended.set()


@asynccontextmanager
async def open_shared_downloads(limit_rate: int = 0) -> AsyncIterator[SharedDownloads]:
    """The downloads of this process, at `limit_rate` bytes a second in all (0: as fast as can be).

    Leaving the block cancels what is under way and keeps its partial files.
    """
    async with anyio.create_task_group() as group:
        try:
            yield SharedDownloads(group, Pace(limit_rate))
        finally:
            group.cancel_scope.cancel()
