"""The database's file: made for its owner alone, brought up to date, set aside where damaged, shared by servers."""

import logging
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tampu.errors import StoreError
from tampu.responses import KeptResponse
from tampu.state.database import FILE_NAME, Database, opened_database
from tampu.state.responses import KeptResponses
from tampu.state.schema import VERSION
from tests.architecture.source import ROOT

pytestmark = pytest.mark.anyio


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM responses").fetchone()[0])


def _response(name: str = "resp_1") -> KeptResponse:
    return KeptResponse(id=name, previous_id="", items=b"[]", document=b"{}")


@asynccontextmanager
async def _kept(folder: Path) -> AsyncIterator[KeptResponses]:
    async with opened_database(folder) as database:
        yield KeptResponses(database)


async def test_nothing_is_made_before_it_is_used(tmp_path: Path) -> None:
    async with opened_database(tmp_path / "home") as database:
        assert not (tmp_path / "home").exists()
        assert await database.read(_count) == 0
    assert (tmp_path / "home" / FILE_NAME).exists()


async def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    async with _kept(tmp_path) as kept:
        await kept.keep(_response(), 60)
        files = sorted(tmp_path.iterdir())
        assert [file.name for file in files] == [FILE_NAME, f"{FILE_NAME}-shm", f"{FILE_NAME}-wal"]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    async with _kept(tmp_path) as kept:
        await kept.keep(_response(), 60)
    async with _kept(tmp_path) as kept:
        assert await kept.find("resp_1") == _response()


async def test_an_empty_file_is_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    async with opened_database(tmp_path) as database:
        assert await database.read(_count) == 0
        version = await database.read(lambda connection: connection.execute("PRAGMA user_version").fetchone()[0])
    assert version == VERSION


async def test_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE told (word)")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    async with opened_database(tmp_path) as database:
        with pytest.raises(StoreError, match="was written by a newer version of tampu"):
            await database.read(_count)
    assert sqlite3.connect(tmp_path / FILE_NAME).execute("SELECT count(*) FROM told").fetchone() == (0,)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_what_is_no_database_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        async with _kept(tmp_path) as kept:
            await kept.keep(_response(), 60)
            assert await kept.find("resp_1") == _response()
    (aside,) = tmp_path.glob(f"{FILE_NAME}.damaged-*")
    assert aside.read_bytes() == content
    assert "the database was damaged" in caplog.text
    assert aside.name in caplog.text


async def test_damage_that_shows_later_costs_no_request(tmp_path: Path) -> None:
    async with _kept(tmp_path) as kept:
        await kept.keep(_response(), 60)
    file = tmp_path / FILE_NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xee" * (len(whole) - 4096))  # the first page still tells what there is
    async with _kept(tmp_path) as kept:
        assert await kept.find("resp_1") is None
        await kept.keep(_response("resp_2"), 60)
        assert await kept.find("resp_2") is not None
    assert len(list(tmp_path.glob(f"{FILE_NAME}.damaged-*"))) == 1


async def test_two_servers_set_a_damaged_file_aside_once(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    async with _kept(tmp_path) as one, _kept(tmp_path) as other:
        async with anyio.create_task_group() as group:
            group.start_soon(one.keep, _response("resp_1"), 60)
            group.start_soon(other.keep, _response("resp_2"), 60)
        found = [await kept.find(name) is not None for kept in (one, other) for name in ("resp_1", "resp_2")]
    assert found == [True] * 4


async def test_a_file_that_is_taken_away_is_made_anew(tmp_path: Path) -> None:
    async with _kept(tmp_path) as kept:
        await kept.keep(_response("resp_1"), 60)
        for file in tmp_path.iterdir():
            file.unlink()
        await kept.keep(_response("resp_2"), 60)
        assert await kept.find("resp_1") is None
    assert (tmp_path / FILE_NAME).exists()


async def test_work_that_fails_changes_nothing(tmp_path: Path) -> None:
    async with opened_database(tmp_path) as database:

        def fails(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO responses VALUES ('a', '', 1e18, 0, '', '')")
            raise StoreError("half way")

        with pytest.raises(StoreError, match="half way"):
            await database.change(fails)
        assert await database.read(_count) == 0
        with pytest.raises(StoreError, match=r"tampu\.db cannot be used: no such table: nowhere"):
            await database.read(lambda connection: connection.execute("SELECT * FROM nowhere"))
        assert await database.read(_count) == 0


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    database = Database(tmp_path / "home" / FILE_NAME)
    with pytest.raises(StoreError, match=r"tampu\.db cannot be opened: .*"):
        await database.read(_count)


def _writing(folder: Path, name: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.state.writing_program", str(folder), name]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _lines(process: Any, count: int) -> list[str]:
    return [process.stdout.readline().strip() for _ in range(count)]


async def test_two_processes_write_and_a_kill_loses_nothing(tmp_path: Path) -> None:
    with _writing(tmp_path, "a") as one, _writing(tmp_path, "b") as other:
        try:
            told = _lines(one, 30) + _lines(other, 30)
        finally:
            one.kill()
            other.kill()
    async with _kept(tmp_path) as kept:
        assert all([await kept.find(name) for name in told])
        chain = await kept.conversation("a29")
        assert [each.id for each in chain] == [f"a{number}" for number in range(30)]
    assert list(tmp_path.glob("*.damaged-*")) == []
