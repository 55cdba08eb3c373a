"""The responses that are kept: bounded in time and in size, and living as long as a conversation goes on from them."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Final

from tampu.errors import BadRequest, PreviousResponseNotFound
from tampu.responses import KeptResponse
from tampu.state.database import Database

MOST_BYTES: Final = 1 << 30
"""Of all responses together; those that would expire soonest make room."""
MOST_TURNS: Final = 2_000
"""Of one conversation: more fit no context."""
MOST_CONVERSATION_BYTES: Final = 256 << 20
"""Pictures included: what is read at once must fit into memory."""
_COLUMNS: Final = "id, previous_id, items, document"
_CHAIN: Final = """
    WITH RECURSIVE chain (id, previous_id, depth) AS (
        SELECT id, previous_id, 1 FROM responses WHERE id = :id AND expires_at > :now
        UNION ALL
        SELECT r.id, r.previous_id, chain.depth + 1 FROM responses r JOIN chain ON r.id = chain.previous_id
        WHERE r.expires_at > :now AND chain.depth < :most
    )
"""
_FREED_PAGES: Final = 4_096
"""Of the file, given back after each removal at most, so that none takes long."""


class KeptResponses:
    """The table of responses. `clock` gives seconds since the epoch."""

    def __init__(
        self, database: Database, *, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._most_bytes, self._clock = database, most_bytes, clock

    async def keep(self, response: KeptResponse, lasting_s: float) -> None:
        """Keep it for so long, and at least so long those that it goes on from; raises StoreError."""
        now = self._clock()
        await self._database.change(lambda connection: self._keep(connection, response, now, now + lasting_s))

    async def find(self, response_id: str) -> KeptResponse | None:
        """The response of that id."""
        query = f"SELECT {_COLUMNS} FROM responses WHERE id = ? AND expires_at > ?"  # noqa: S608  # our own columns
        values = (response_id, self._clock())
        row = await self._database.read(lambda connection: connection.execute(query, values).fetchone())
        return None if row is None else _read(row)

    async def conversation(self, response_id: str) -> Sequence[KeptResponse]:
        """The response and all that it goes on from, oldest first; raises PreviousResponseNotFound, BadRequest."""
        now = self._clock()
        rows = await self._database.read(lambda connection: _chain(connection, response_id, now))
        found = [_read(row) for row in rows]
        missing = found[0].previous_id if found else response_id
        if missing and len(found) == MOST_TURNS:
            raise _too_long(f"more than {MOST_TURNS} turns")
        if missing:
            raise PreviousResponseNotFound(missing)
        return found

    async def remove(self, response_id: str) -> bool:
        """Forget the response; whether there was one."""
        values = (response_id, self._clock())

        def removed(connection: sqlite3.Connection) -> bool:
            cursor = connection.execute("DELETE FROM responses WHERE id = ? AND expires_at > ?", values)
            _give_back(connection)
            return cursor.rowcount > 0

        return await self._database.change(removed)

    def _keep(self, connection: sqlite3.Connection, response: KeptResponse, now: float, expires_at: float) -> None:
        size = len(response.items) + len(response.document)
        self._make_room(connection, now, size)
        connection.execute(
            "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?)",
            (response.id, response.previous_id, expires_at, size, response.items, response.document),
        )
        if response.previous_id:
            values = {"id": response.previous_id, "now": now, "most": MOST_TURNS, "expires_at": expires_at}
            connection.execute(
                f"{_CHAIN} UPDATE responses SET expires_at = :expires_at "  # noqa: S608  # as above
                "WHERE id IN (SELECT id FROM chain) AND expires_at < :expires_at",
                values,
            )

    def _make_room(self, connection: sqlite3.Connection, now: float, size: int) -> None:
        gone = connection.execute("DELETE FROM responses WHERE expires_at <= ?", (now,)).rowcount
        (used,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM responses").fetchone()
        too_much = used + size - self._most_bytes
        while too_much > 0:
            soonest = "SELECT id, bytes FROM responses ORDER BY expires_at LIMIT 1"
            row = connection.execute(soonest).fetchone()
            if row is None:
                break
            connection.execute("DELETE FROM responses WHERE id = ?", (row[0],))
            too_much -= row[1]
            gone += 1
        if gone:
            _give_back(connection)


def _chain(connection: sqlite3.Connection, response_id: str, now: float) -> list[tuple[str, str, bytes, bytes]]:
    columns = ", ".join(f"r.{column}" for column in _COLUMNS.split(", "))
    query = f"{_CHAIN} SELECT {columns} FROM chain JOIN responses r ON r.id = chain.id ORDER BY chain.depth DESC"  # noqa: S608
    values = {"id": response_id, "now": now, "most": MOST_TURNS}
    sizes = f"{_CHAIN} SELECT coalesce(sum(r.bytes), 0) FROM chain JOIN responses r ON r.id = chain.id"  # noqa: S608
    if connection.execute(sizes, values).fetchone()[0] > MOST_CONVERSATION_BYTES:
        raise _too_long(f"more than {MOST_CONVERSATION_BYTES >> 20} MiB")
    return connection.execute(query, values).fetchall()


def _too_long(what: str) -> BadRequest:
    return BadRequest(f"the conversation so far is too long to go on from: it has {what}; begin a new one")


def _read(row: tuple[str, str, bytes, bytes]) -> KeptResponse:
    return KeptResponse(id=row[0], previous_id=row[1], items=row[2], document=row[3])


def _give_back(connection: sqlite3.Connection) -> None:
    """Let the file shrink. The pragma works a page each time its cursor is asked."""
    connection.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()
