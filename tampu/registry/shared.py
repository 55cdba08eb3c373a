"""Downloads that several clients may wait for: one job per blob, cancelled when the last client leaves.

A job belongs to the task group of the `SharedDownloads`, not to the client that began it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import TaskGroup

from tampu.errors import RegistryError

_WIND_DOWN_S: Final = 10.0

Report = Callable[[int, int], None]
Job = Callable[[Report], Awaitable[None]]
"""Does the work and reports bytes done and bytes in all while it does."""


class SharedDownload:
    """A job and how far it is."""

    def __init__(self, total: int) -> None:
        self.completed, self.total = 0, total
        self.clients = 0
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.failure: Exception | None = None

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

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._jobs: dict[str, SharedDownload] = {}

    @asynccontextmanager
    async def join(self, digest: str, job: Job, *, size: int) -> AsyncIterator[SharedDownload]:
        """Take part in the download of a blob, beginning it with `job` if nobody has."""
        while (download := self._jobs.get(digest)) and download.scope.cancel_called:
            await download.ended.wait()
        if download is None:
            download = self._jobs[digest] = SharedDownload(size)
            self._group.start_soon(self._run, digest, download, job)
        download.clients += 1
        try:
            yield download
        finally:
            download.clients -= 1
            if not download.clients and not download.ended.is_set():
                download.scope.cancel()
                # The files are let go of before the client is gone, so that a next attempt finds them whole.
                with anyio.move_on_after(_WIND_DOWN_S, shield=True):
                    await download.ended.wait()

    async def _run(self, digest: str, download: SharedDownload, job: Job) -> None:
        try:
            with download.scope:
                await job(download.report)
        except BaseException as error:
            # A background job's border: whatever it is, the clients get it, and the other jobs go on.
            download.failure = error if isinstance(error, Exception) else RegistryError("the download was stopped")
            if not isinstance(error, Exception):
                raise
        finally:
            del self._jobs[digest]
            download.ended.set()


@asynccontextmanager
async def open_shared_downloads() -> AsyncIterator[SharedDownloads]:
    """The downloads of this process; leaving the block cancels what is under way and keeps its partial files."""
    async with anyio.create_task_group() as group:
        try:
            yield SharedDownloads(group)
        finally:
            group.cancel_scope.cancel()
