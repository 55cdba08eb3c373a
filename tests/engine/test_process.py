"""Lives and deaths of engine processes."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path

import anyio
import psutil
import pytest

from tampu.config import Settings
from tampu.engine.client import CRASHED, EngineClient
from tampu.engine.connection import Address
from tampu.engine.launch import FOLDER_PREFIX, SOCKET_NAME, make_folder, sweep_folders
from tampu.engine.process import start_engine
from tampu.engine.protocol import EngineText, LoadProgress
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineCrashed, EngineRefused, EngineStartFailed
from tampu.hardware.devices import allowed_processors, physical_cores
from tests.engine.running import answer, asking, events_of, running
from tests.fakes.engine_program import write_fake_engine
from tests.models import models_folder, recorded_model, truncated

pytestmark = pytest.mark.anyio
PARENT = Path(__file__).with_name("parent_program.py")
PLACE = Placement(num_ctx=64, threads=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def own_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getpid()}-*"))


def own_children() -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive=True) if "child.py" in "".join(_words(process))]


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def start(model: Path, **fields: object):
    return await start_engine(EngineSpec(model_path=model), PLACE, settings=Settings(**fields))


async def test_a_life() -> None:
    told: list[LoadProgress] = []
    spec = EngineSpec(model_path=recorded_model("scripted"))
    child = await start_engine(spec, PLACE, settings=Settings(), on_progress=told.append)
    process = psutil.Process(child.pid)
    assert child.is_alive
    assert told[-1] == LoadProgress(1.0)
    assert told == sorted(told, key=lambda progress: progress.fraction)
    assert os.getsid(child.pid) != os.getsid(0)
    (folder,) = own_folders()
    assert folder.stat().st_mode & 0o777 == 0o700
    await child.stop()
    assert not child.is_alive
    assert not process.is_running()
    assert own_folders() == []
    await child.stop()


async def test_nothing_of_a_start_shows_in_the_command_line() -> None:
    async with running(recorded_model("scripted")) as child:
        words = " ".join(psutil.Process(child.pid).cmdline())
        assert ".gguf" not in words
        assert ".sock" not in words


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_the_child_is_confined() -> None:
    async with running(recorded_model("scripted")) as child:
        proc = Path(f"/proc/{child.pid}")
        environment = dict(part.partition("=")[::2] for part in proc.joinpath("environ").read_text().split("\0"))
        assert not {"HOME", "PYTHONPATH", "PYTEST_CURRENT_TEST"} & environment.keys()
        assert "NoNewPrivs:\t1" in proc.joinpath("status").read_text()
        assert "Max core file size        0" in proc.joinpath("limits").read_text()
        listening = [c for c in psutil.Process(child.pid).net_connections("tcp") if c.status == "LISTEN"]
        assert listening == []


async def test_a_request_without_the_key_is_refused() -> None:
    async with running(recorded_model("scripted")):
        (folder,) = own_folders()
        async with EngineClient(Address(str(folder / "e.sock")), key="wrong") as stranger:
            with pytest.raises(EngineRefused, match="Invalid API Key"):
                await stranger.tokenize("x")


async def test_killed_in_mid_stream() -> None:
    async with running(recorded_model("scripted"), num_ctx=2048) as child:
        async with aclosing(child.engine.complete(asking("<|s3|>"))) as stream:
            assert isinstance(await anext(stream), EngineText)
            os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(EngineCrashed) as crashed:
                await events_of(stream)
        assert crashed.value.message == CRASHED
        with anyio.fail_after(10):
            assert await child.wait_ended() == -signal.SIGKILL
        assert not child.is_alive
        with pytest.raises(EngineCrashed) as crashed:
            await child.engine.tokenize("x")
        assert crashed.value.exit_code == -signal.SIGKILL
    assert own_folders() == []


async def test_stop_ends_a_stream_that_still_runs() -> None:
    async with running(recorded_model("scripted"), num_ctx=2048) as child:
        stream = child.engine.complete(asking("<|s3|>"))
        assert isinstance(await anext(stream), EngineText)
        await child.stop()
        with pytest.raises(EngineCrashed):
            await events_of(stream)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (lambda: truncated(recorded_model("scripted")), "the model file is cut short or damaged"),
        (lambda: truncated(recorded_model("scripted"), 0.001), "the model file is cut short or damaged"),
        (lambda: Path(__file__), "the model file is not a GGUF file"),
        (lambda: models_folder() / "missing.gguf", "the model file cannot be opened: No such file or directory"),
    ],
)
async def test_models_that_cannot_be_loaded(model, text: str) -> None:
    with pytest.raises(EngineStartFailed, match=text) as failed:
        await start(model())
    assert failed.value.log_tail
    assert str(models_folder()) not in failed.value.message
    assert own_folders() == []
    assert own_children() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system that has pipes among its files")
async def test_a_pipe_in_the_place_of_weights_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.gguf")
    with pytest.raises(EngineStartFailed, match=r"^m\.gguf is not a regular file"):
        await start(tmp_path / "m.gguf")
    assert own_folders() == []


async def test_a_relative_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded_model("scripted").parent)
    async with running(Path("scripted.gguf")) as child:
        assert (await answer(child, "<|s3|>", num_predict=1))[0] == "la"


async def test_an_unknown_architecture_is_named() -> None:
    model = models_folder() / "zlama.gguf"
    model.write_bytes(
        recorded_model("scripted").read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0zlama")
    )
    with pytest.raises(EngineStartFailed, match="does not know the model architecture 'zlama'"):
        await start(model)


@pytest.mark.parametrize("library", ["xllamacpp.xllamacpp.__file__", "'nowhere.so'"])
def test_what_the_engine_logged_last_is_not_lost_in_its_exit(library: str) -> None:
    """By a function of the engine's, which one day may be missing; a wait would lose the cause on a busy machine."""
    script = (
        "import time, xllamacpp; from tampu.engine import child\n"
        "time.sleep = lambda _: print('waited')\n"
        f"child._end_log({library}); print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == (["ended"] if "xllamacpp" in library else ["waited", "ended"])


@pytest.mark.parametrize("delay_s", [0.0, 0.001, 0.02, 0.05])
async def test_a_cancelled_start_leaves_nothing(delay_s: float) -> None:
    with anyio.move_on_after(delay_s):
        child = await start(recorded_model("scripted"))
        await child.stop()
    assert own_children() == []
    assert own_folders() == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
async def test_nothing_stays_open() -> None:
    async def life() -> None:
        async with running(recorded_model("scripted")) as child:
            await answer(child, "<|s0|>")
            async with aclosing(child.engine.complete(asking("<|s3|>"))) as stream:
                await anext(stream)

    await life()
    before = open_files()
    for _ in range(3):
        await life()
    assert open_files() == before


@pytest.mark.parametrize("engine", ["bundled", "binary"])
def test_a_killed_parent_leaves_no_child(engine: str, tmp_path: Path) -> None:
    arguments = [str(recorded_model("scripted"))] + ([str(write_fake_engine(tmp_path))] if engine == "binary" else [])
    parent = subprocess.Popen([sys.executable, str(PARENT), *arguments], stdout=subprocess.PIPE, text=True)
    with parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)
    sweep_folders()
    assert list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{parent.pid}-*")) == []


def test_folders_that_may_be_in_use_are_not_swept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    no_process = 2**22 + 7
    starting, living, dead = (tmp_path / f"{FOLDER_PREFIX}{no_process}-{name}" for name in ("new", "up", "old"))
    for folder in (starting, living, dead):
        folder.mkdir()
    with socket.socket(socket.AF_UNIX) as alive, socket.socket(socket.AF_UNIX) as gone:
        alive.bind(str(living / SOCKET_NAME))
        alive.listen()
        gone.bind(str(dead / SOCKET_NAME))
        sweep_folders()
    assert (starting.exists(), living.exists(), dead.exists()) == (True, True, False)


def test_folders_of_other_users_are_left_to_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"{FOLDER_PREFIX}{2**22 + 7}-other"
    folder.mkdir()

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_socket", refuse)  # whoever runs the tests may look everywhere
    sweep_folders()
    assert folder.exists()


def test_the_path_of_a_socket_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = make_folder()
    try:
        assert len(str(folder / "e.sock")) <= 100
    finally:
        folder.rmdir()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads are bound where affinity can be told")
async def test_only_the_threads_that_compute_are_bound_to_cores() -> None:
    cores = physical_cores(Path("/"), allowed_processors())
    if cores < 2 or any(name.startswith(("OMP_", "GOMP_")) for name in os.environ):
        pytest.skip("there is nothing to bind")
    spec = EngineSpec(model_path=recorded_model("scripted"))
    child = await start_engine(spec, Placement(num_ctx=64, threads=cores), settings=Settings())
    try:
        await answer(child, "<|s0|>")
        masks = [frozenset(os.sched_getaffinity(int(task.name))) for task in Path(f"/proc/{child.pid}/task").iterdir()]
    finally:
        await child.stop()
    free = [mask for mask in masks if mask == allowed_processors()]
    bound = {mask for mask in masks if mask != allowed_processors()}
    assert len(bound) == cores
    assert len(free) > cores
