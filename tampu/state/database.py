"""The database while a server runs: opened when it is first needed, used in a thread, one piece of work at a time."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import anyio
from anyio import to_thread

from tampu.state.opening import database_error, is_damage, open_database, set_aside

T = TypeVar("T")
FILE_NAME: Final = "tampu.db"
_CLOSING_S: Final = 5.0


class Database:
    """Runs work on the connection, each piece as one transaction. Use `opened_database` to have one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._one_at_a_time = anyio.CapacityLimiter(1)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads, all of it of one moment; raises StoreError."""
        return await to_thread.run_sync(self._worked, work, "BEGIN", limiter=self._one_at_a_time)

    async def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns; all that it changed is there, or nothing. Raises StoreError.

        Work that has begun is done to its end, also where the caller is cancelled.
        """
        return await to_thread.run_sync(self._worked, work, "BEGIN IMMEDIATE", limiter=self._one_at_a_time)

    async def aclose(self) -> None:
        """Close the file once nothing works on it."""
        await to_thread.run_sync(self._close, limiter=self._one_at_a_time)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _worked(self, work: Callable[[sqlite3.Connection], T], begin: str) -> T:
        try:
            return self._transacted(work, begin)
        except (sqlite3.Error, OSError) as error:
            if not is_damage(error):
                raise database_error(self._path, error) from None
        # What was begun is lost with the file; with the new one it can be done again.
        self._close()
        set_aside(self._path, inode=self._inode)
        try:
            return self._transacted(work, begin)
        except (sqlite3.Error, OSError) as error:
            raise database_error(self._path, error) from None

    def _transacted(self, work: Callable[[sqlite3.Connection], T], begin: str) -> T:
        if self._connection is None or not self._is_ours():
            self._close()
            self._connection = open_database(self._path)
            self._inode = self._path.stat().st_ino
        connection = self._connection
        connection.execute(begin)
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _is_ours(self) -> bool:
        """Whether the path still leads to the file that is open: others may have set it aside, or removed it."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False


@asynccontextmanager
async def opened_database(home: Path) -> AsyncIterator[Database]:
    """The database in that folder; nothing is made or read before it is used."""
    database = Database(home / FILE_NAME)
    try:
        yield database
    finally:
        with anyio.move_on_after(_CLOSING_S, shield=True):
            await database.aclose()
