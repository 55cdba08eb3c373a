"""Engines that fail in every way: a binary that plays faults stands in for llama-server."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from tampu.config import Settings
from tampu.engine.client import CRASHED
from tampu.engine.process import STUCK, start_engine
from tampu.engine.protocol import EngineEnd, EngineEvent, EngineText
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineCrashed, EngineError, EngineOutOfMemory, EngineRefused, EngineStartFailed, Overloaded
from tests.engine.running import asking, events_of, running, text_of
from tests.fakes.engine_program import TOKENS, write_fake_engine

pytestmark = pytest.mark.anyio
ALL = "".join(f"{number} " for number in range(TOKENS))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(llama_server=str(write_fake_engine(tmp_path_factory.mktemp("fake"))))


def model(fault: str, folder: Path) -> Path:
    path = folder / f"{fault}.gguf"
    path.write_bytes(b"GGUF")
    return path


@pytest.mark.parametrize("fault", ["none", "pings", "crlf", "byte-by-byte", "no-done", "chatters", "ignores-sigterm"])
async def test_what_is_no_fault_to_us(settings: Settings, tmp_path: Path, fault: str) -> None:
    async with running(model(fault, tmp_path), settings=settings) as child:
        events = await events_of(child.engine.complete(asking("x")))
        assert text_of(events) == ALL
        assert isinstance(events[-1], EngineEnd)
        assert child.engine.properties.slots == 1
    assert not child.is_alive


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("exit-1", EngineStartFailed, "the engine ended while it loaded the model (exit code 1)"),
        (
            "exit-with-words",
            EngineStartFailed,
            "the engine ended while it loaded the model (exit code 1): the moon is in the wrong place at ...",
        ),
        (
            "illegal-instruction",
            EngineStartFailed,
            "the engine uses processor instructions that this machine does not have (SIGILL)",
        ),
        ("killed", EngineStartFailed, "the engine ended while it loaded the model (signal SIGKILL)"),
        (
            "out-of-memory",
            EngineOutOfMemory,
            "the model does not fit into the memory that is free; use a smaller model or a smaller num_ctx",
        ),
    ],
)
async def test_failures_at_the_start(
    settings: Settings, tmp_path: Path, fault: str, kind: type[EngineError], text: str
) -> None:
    with pytest.raises(kind) as failed:
        await start_engine(EngineSpec(model_path=model(fault, tmp_path)), Placement(num_ctx=64), settings=settings)
    assert failed.value.message == text


@pytest.mark.parametrize("fault", ["never-listens", "never-ready"])
async def test_a_load_that_does_not_move_is_given_up(settings: Settings, tmp_path: Path, fault: str) -> None:
    impatient = replace(settings, load_timeout_s=1.0)
    spec = EngineSpec(model_path=model(fault, tmp_path))
    with pytest.raises(EngineStartFailed, match="no progress for 1 s"), anyio.fail_after(30):
        await start_engine(spec, Placement(num_ctx=64), settings=impatient)


@pytest.mark.parametrize("fault", ["die-at-3", "no-end", "cut-without-end"])
async def test_streams_that_break_off(settings: Settings, tmp_path: Path, fault: str) -> None:
    async with running(model(fault, tmp_path), settings=settings) as child:
        said: list[EngineEvent] = []

        async def listen() -> None:
            async with aclosing(child.engine.complete(asking("x"))) as stream:
                async for event in stream:
                    said.append(event)  # what came before the crash counts

        with pytest.raises(EngineCrashed) as crashed:
            await listen()
        assert crashed.value.message == CRASHED
        assert EngineText("0 ") in said
        assert not any(isinstance(event, EngineEnd) for event in said)


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("error-at-3", EngineRefused, "it broke"),
        ("old-error-at-3", EngineRefused, "it broke"),
        ("nonsense-at-3", EngineCrashed, "cannot be read"),
        ("huge-at-3", EngineCrashed, "without an end"),
        ("closes-at-once", EngineCrashed, CRASHED),
        ("busy", EngineRefused, "Loading model"),
    ],
)
async def test_streams_that_go_wrong(
    settings: Settings, tmp_path: Path, fault: str, kind: type[EngineError], text: str
) -> None:
    async with running(model(fault, tmp_path), settings=settings) as child:
        with pytest.raises(kind, match=text):
            await events_of(child.engine.complete(asking("x")))
        assert child.is_alive


async def test_a_hanging_engine_can_be_left(settings: Settings, tmp_path: Path) -> None:
    async with running(model("hangs-at-first", tmp_path), settings=settings) as child:
        with anyio.move_on_after(0.3) as scope:
            await events_of(child.engine.complete(asking("x")))
        assert scope.cancelled_caught


async def test_answers_of_a_wrong_shape(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(EngineCrashed, match="cannot be read"):
        await start_engine(
            EngineSpec(model_path=model("wrong-json", tmp_path)), Placement(num_ctx=64), settings=settings
        )


async def test_an_engine_that_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(EngineStartFailed, match="TAMPU_LLAMA_SERVER names"):
        await start_engine(
            EngineSpec(model_path=tmp_path / "m"), Placement(num_ctx=64), settings=Settings(llama_server="/no/such")
        )


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tampu.engine.process.LOOK_S", 0.02)
    monkeypatch.setattr("tampu.engine.pulse.STILL_S", 0.5)
    monkeypatch.setattr("tampu.engine.pulse.STEP_S", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["hangs-at-first", "hangs-at-3", "spins-at-3"])
async def test_one_that_hangs_is_noticed_and_its_requests_are_told(
    settings: Settings, tmp_path: Path, fault: str
) -> None:
    async with running(model(fault, tmp_path), settings=settings) as child, anyio.create_task_group() as group:
        told: list[str] = []

        async def ask() -> None:
            with pytest.raises(EngineCrashed) as caught:
                await events_of(child.engine.complete(asking("x")))
            told.append(caught.value.message)

        group.start_soon(ask)
        await child.wait_useless()
        assert child.is_alive
        await child.stop()
    assert told == [STUCK]


@pytest.mark.usefixtures("impatient")
async def test_one_without_work_or_whose_client_does_not_read_does_not_hang(settings: Settings, tmp_path: Path) -> None:
    async with running(model("none", tmp_path), settings=settings) as child:
        async with aclosing(child.engine.complete(asking("x"))) as events:
            await anext(events)
            with anyio.move_on_after(1.5) as waiting:
                await child.wait_useless()
        assert waiting.cancelled_caught


async def test_the_end_of_the_process_is_noticed_while_nobody_asks(settings: Settings, tmp_path: Path) -> None:
    async with running(model("none", tmp_path), settings=settings) as child:
        os.kill(child.pid, signal.SIGKILL)
        await child.wait_useless()
        assert not child.is_alive


@contextmanager
def no_more_files() -> Iterator[None]:
    """Inside, this process can open nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_an_engine_that_cannot_be_reached_for_want_of_files_is_not_to_blame(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(model("none", tmp_path), settings=settings) as child:
        with no_more_files(), pytest.raises(Overloaded, match="cannot open another connection: too many open files"):
            await events_of(child.engine.complete(asking("x")))
        assert text_of(await events_of(child.engine.complete(asking("x")))) == ALL
