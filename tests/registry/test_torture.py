"""Everything that is known to go wrong with downloads: the file is whole at the end, or a sentence says why not and
what was fetched stays for the next pull.
"""

import errno
import hashlib
import random
import shutil
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from tampu.errors import DiskFull, RegistryError, RegistryUnreachable, StoreError
from tampu.names import ModelName
from tampu.registry import partial
from tampu.registry.partial import PartialBlob, read_states
from tampu.store import locks
from tests.fakes import registry_server as server
from tests.fakes.pulling import HURRIED, PullServices, open_services
from tests.fakes.registry_server import Content, FakeRegistry, Fault

pytestmark = pytest.mark.anyio

SIZE = 3_000_000
WEIGHTS = random.Random(11).randbytes(SIZE)  # noqa: S311  # bytes that do not compress
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
BLOB = DIGEST.replace(":", "-")
PARTS = 3


@pytest.fixture
async def registry(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeRegistry]:
    monkeypatch.setattr(partial, "SMALLEST_PART_BYTES", SIZE // PARTS)
    async with FakeRegistry() as registry:
        registry.add_model("me/big:v1", ("model", WEIGHTS))
        yield registry


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[PullServices]:
    async with open_services(tmp_path) as services:
        yield services


async def pull(registry: FakeRegistry, services: PullServices) -> None:
    events = await services.pull(f"{registry.host}/me/big:v1")
    assert events[-1].status == "success"
    assert services.library.layout.blob(DIGEST).read_bytes() == WEIGHTS
    assert not [name for name in services.files if "partial" in name]
    assert services.library.get(ModelName.parse(f"{registry.host}/me/big:v1"))


def wanted(registry: FakeRegistry) -> int:
    """Bytes that the first request for each part asked for; a slow machine may make more requests of it."""
    first: dict[int, int] = {}
    for asked in registry.of_kind("part"):
        if asked.range and DIGEST in asked.path:
            first.setdefault(asked.range[1], asked.range[1] + 1 - asked.range[0])
    return sum(first.values())


def completed(services: PullServices) -> int:
    return read_states(services.library.layout.blob(DIGEST)).completed


def etag(value: str, *, keep: int | None = None) -> Fault:
    """A good answer under another ETag, cut after `keep` bytes."""

    async def answer(content: Content) -> object:
        content.headers["ETag"] = value
        return await (content.part() if keep is None else server.truncate(keep)(content))

    return answer  # type: ignore[return-value]  # aiohttp's type for what a handler gives


def of_other_content() -> Fault:
    """A good answer out of another file of the same length: what a name stands for has changed meanwhile."""

    async def answer(content: Content) -> object:
        content.whole = bytes(SIZE)
        return await content.part()

    return answer  # type: ignore[return-value]  # as above


MENDED: dict[str, tuple[str, list[Fault]]] = {
    "stall before the first byte": ("part", [server.stall(0)]),
    "stall between bytes": ("part", [server.stall(400_000)]),
    "stall at 99 %": ("part", [server.stall(SIZE // PARTS * 99 // 100)]),
    "every part stalls once": ("part", [server.stall(1000)] * PARTS),
    "range ignored": ("part", [server.ignore_range()]),
    "range ignored in the middle": ("part", [server.truncate(400_000), *[server.ignore_range()] * PARTS]),
    "wrong Content-Range": ("part", [server.wrong_range("bytes 1-2/3")]),
    "no Content-Range": ("part", [server.wrong_range("")]),
    "Content-Range of another unit": ("part", [server.wrong_range("items 0-1/2")]),
    "416": ("part", [server.status(416)] * PARTS),
    "truncated": ("part", [server.truncate(123_456)]),
    "truncated before the first byte": ("part", [server.truncate(0)]),
    "truncated again and again, further each time": ("part", [server.truncate(60_000)] * 9),
    "one part corrupted": ("part", [server.corrupt(7)]),
    "every part corrupted": ("part", [server.corrupt(7)] * PARTS),
    "expired address": ("part", [server.status(403, "expired")] * PARTS),
    "gone address": ("part", [server.status(410)]),
    "expired in the middle": ("part", [server.truncate(300_000), server.status(403), server.status(404)]),
    "changed ETag, same content": ("part", [etag('"a"', keep=1000), etag('"b"'), etag('"c"', keep=1), etag('"d"')]),
    "changed content for a while": ("part", [of_other_content(), server.well(), server.well()]),
    "429 with Retry-After": ("part", [server.status(429, Retry_After="0")] * PARTS),
    "503 without Retry-After": ("part", [server.status(503)] * 2),
    "busy where blobs are": ("locate", [server.status(503, Retry_After="0"), server.status(500)]),
    "busy at the size": ("head", [server.status(503, Retry_After="0"), server.status(429, Retry_After="0")]),
    "busy at the manifest": ("manifest", [server.status(429, Retry_After="0")]),
    "compressed although not asked": ("part", [server.encoded()]),
}


@pytest.mark.parametrize("line", MENDED)
async def test_the_file_is_whole(registry: FakeRegistry, services: PullServices, line: str) -> None:
    kind, faults = MENDED[line]
    registry.script(kind, *faults)
    await pull(registry, services)


FINAL: dict[str, tuple[str, list[Fault], str]] = {
    "busy for ever": ("part", [server.status(503)] * 40, "max retries exceeded"),
    "addresses that expire at once": ("part", [server.status(403)] * 40, "max retries exceeded"),
    "dead in the middle": ("part", [server.truncate(400_000), *[server.truncate(0)] * 40], "max retries exceeded"),
    "silent for ever": ("part", [server.stall(0)] * 40, "max retries exceeded"),
    "redirects in a circle at a part": ("part", [server.redirect("/v2/me/big/blobs/x")] * 99, "stopped after 10"),
    "redirects in a circle at the place": ("locate", [server.redirect("/v2/me/big/blobs/x")] * 99, "stopped after 10"),
    "redirects in a circle at the size": ("head", [server.redirect("/v2/me/big/blobs/x")] * 99, "stopped after 10"),
    "no such blob": ("locate", [server.status(404)] * 9, "file does not exist"),
    "busy for hours": ("manifest", [server.status(503, "back at noon", Retry_After="7200")], "503: back at noon"),
    "content changed for good": ("part", [of_other_content()] * 40, "digest mismatch"),
}


@pytest.mark.parametrize("line", FINAL)
async def test_it_ends_in_words_and_can_be_gone_on_with(
    registry: FakeRegistry, services: PullServices, line: str
) -> None:
    kind, faults, words = FINAL[line]
    registry.script(kind, *faults)
    with pytest.raises(RegistryError, match=words):
        await pull(registry, services)
    assert services.library.names() == []
    kept = completed(services)
    registry.forgive()
    await pull(registry, services)
    assert wanted(registry) == SIZE - kept


async def test_a_blob_of_one_byte(registry: FakeRegistry, services: PullServices) -> None:
    registry.add_model("me/tiny:v1", ("model", b"x"))
    registry.script("part", server.truncate(0), server.stall(0))
    await services.pull(f"{registry.host}/me/tiny:v1")
    assert services.library.layout.blob(f"sha256:{hashlib.sha256(b'x').hexdigest()}").read_bytes() == b"x"


async def test_an_expired_address_is_asked_for_again(registry: FakeRegistry, services: PullServices) -> None:
    registry.script("part", server.status(403, "expired"))
    await pull(registry, services)
    assert len([asked for asked in registry.of_kind("locate") if DIGEST in asked.path]) == 2


async def test_corruption_in_what_came_in_pieces_costs_that_part_alone(
    registry: FakeRegistry, services: PullServices
) -> None:
    last = SIZE - SIZE // PARTS

    async def spoil_the_last(content: Content) -> object:
        if content.span[0] == last:
            content.whole = WEIGHTS[:last] + bytes(1000) + WEIGHTS[last + 1000 :]
            return await server.truncate(50_000)(content)
        return await content.part()

    registry.script("part", *[spoil_the_last] * PARTS)  # type: ignore[list-item]
    await pull(registry, services)
    assert registry.bytes_sent <= SIZE + SIZE // PARTS + 51_000


async def test_a_pause_is_as_long_as_the_server_wants(
    registry: FakeRegistry, services: PullServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    registry.script("part", server.status(429, Retry_After="17"))
    with monkeypatch.context() as patch:
        patch.setattr("tampu.registry.fetcher.anyio.sleep", sleep)
        await pull(registry, services)
    assert 17.0 in slept


async def test_all_layers_must_fit_before_the_first_byte(
    registry: FakeRegistry, services: PullServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [("adapter", bytes([n]) * SIZE) for n in range(3)]
    registry.add_model("me/huge:v1", ("model", WEIGHTS), *others)
    spare = 16 << 20
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * SIZE + spare))
        with pytest.raises(DiskFull, match="no space left"):
            await services.pull(f"{registry.host}/me/huge:v1")
    assert [asked.kind for asked in registry.asked] == ["manifest"]
    assert services.files == set()


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space left"), (errno.EROFS, "cannot be written"), (errno.EIO, "downloading a model")],
)
async def test_a_disk_that_fails_in_the_middle(
    registry: FakeRegistry,
    services: PullServices,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
) -> None:
    real = PartialBlob.overwrite

    def overwrite(blob: PartialBlob, position: int, data: bytes) -> None:
        if position >= SIZE // 2:
            with partial.store_faults("downloading a model"):
                raise OSError(number, "it failed")
        real(blob, position, data)

    with monkeypatch.context() as patch:
        patch.setattr(PartialBlob, "overwrite", overwrite)
        with pytest.raises(StoreError, match=words):
            await pull(registry, services)
    kept = completed(services)
    assert kept > 0
    registry.forgive()
    await pull(registry, services)
    assert wanted(registry) == SIZE - kept


async def test_a_file_system_without_locks(
    registry: FakeRegistry, services: PullServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(partial.fcntl, "flock", refuse)
    assert locks.fcntl is partial.fcntl
    await pull(registry, services)


async def test_a_clock_that_jumps(
    registry: FakeRegistry, services: PullServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.gate = anyio.Event()  # type: ignore[assignment]  # an event like any other
    async with anyio.create_task_group() as group:
        group.start_soon(pull, registry, services)
        while not registry.of_kind("part"):
            await anyio.sleep(0.01)
        monkeypatch.setattr("time.time", lambda: 0.0)
        registry.gate.set()


async def test_two_processes_take_turns(registry: FakeRegistry, services: PullServices, tmp_path: Path) -> None:
    """A lock by another open file is what another process holds, too."""
    registry.bytes_per_s = 0.8e6
    reports: list[int] = []

    async def second(others: PullServices) -> None:
        while not registry.of_kind("part"):
            await anyio.sleep(0.01)
        events = await others.pull(f"{registry.host}/me/big:v1")
        reports.extend(event.completed_bytes or 0 for event in events if event.digest == DIGEST)

    async with open_services(tmp_path) as others, anyio.create_task_group() as group:
        group.start_soon(pull, registry, services)
        group.start_soon(second, others)
    assert registry.bytes_sent <= SIZE + 1000
    assert any(0 < count < SIZE for count in reports)


@pytest.mark.parametrize("kind", ["connects to nobody", "no name server answers"])
async def test_a_network_that_swallows_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A listener whose queue is full drops what comes, as firewalls do."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, ExitStack() as queue:
        address, host = deaf.getsockname(), f"127.0.0.1:{deaf.getsockname()[1]}"
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        if kind == "no name server answers":
            host = "registry.example"
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: threading.Event().wait(1.0) or [])
        async with open_services(tmp_path, patience=replace(HURRIED, connect_s=0.3)) as services:
            with pytest.raises(RegistryUnreachable, match="i/o timeout"):
                await services.pull(f"{host}/me/big:v1")


async def test_a_registry_that_is_gone_after_the_manifest(services: PullServices) -> None:
    async with FakeRegistry() as registry:
        registry.add_model("me/big:v1", ("model", WEIGHTS))
        registry.script("head", *[server.hang_up()] * 9)  # a connection that was kept open may be tried twice
        with pytest.raises(RegistryUnreachable, match="EOF"):
            await pull(registry, services)
    assert services.files == set()
