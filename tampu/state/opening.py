"""Opens the file of the database: makes it, brings it up to date, and sets it aside where it is damaged.

1. The file is readable by its owner alone from its first moment on: it holds what people said.
2. Several servers may have it open. It is in WAL mode, a change waits for another one's, and is there whole or not at
   all, whatever kills the process.
3. A file that is no database, or a damaged one, is renamed, never deleted, and a new one takes its place.
4. A file of a newer version is left alone: what it means is not known here.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tampu.errors import StoreError
from tampu.state.schema import STEPS, VERSION

_log = logging.getLogger(__name__)
_BUSY_S: Final = 10.0
"""How long a change waits for one of another process."""
_SIDE_FILES: Final = ("-wal", "-shm")
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_database(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; raises StoreError."""
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise database_error(path, error) from None
    except OSError as error:
        raise StoreError(f"{path.name} cannot be opened: {(error.strerror or str(error)).lower()}") from None
    set_aside(path)
    try:
        return _opened(path)
    except (sqlite3.DatabaseError, OSError) as error:
        raise database_error(path, error) from None


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault."""
    # The low byte of a code is its family.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _DAMAGED


def database_error(path: Path, error: Exception) -> StoreError:
    """What the database said, for people."""
    return StoreError(f"{path.name} cannot be used: {str(error).lower()}")


def set_aside(path: Path, *, inode: int | None = None) -> None:
    """Rename a damaged database. `inode`: only if the path still leads to that file, not to another's new one."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    try:
        if inode is not None and path.stat().st_ino != inode:
            return
        path.rename(aside)
    except FileNotFoundError:
        return  # another server was quicker
    except OSError as error:
        raise database_error(path, error) from None
    for ending in _SIDE_FILES:
        side = path.with_name(path.name + ending)
        if side.exists():
            side.replace(aside.with_name(aside.name + ending))
    _log.warning("the database was damaged: it is kept as %s, and a new one takes its place", aside.name)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))  # 1
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")  # 2
        connection.execute("PRAGMA synchronous = NORMAL")
        _bring_up_to_date(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another server may have done it while this one waited.
        for step in _steps_from(_version(connection), path):
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _steps_from(version: int, path: Path) -> Sequence[Sequence[str]]:
    if version > VERSION:  # 4
        raise StoreError(f"{path.name} was written by a newer version of tampu; use that one, or move the file away")
    return STEPS[version:]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
