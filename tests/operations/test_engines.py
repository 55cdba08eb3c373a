"""Building an engine and choosing it, with compilers that only pretend; what comes out is really tried."""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.engine.binary import engines_folder, find_engine
from tampu.errors import BadRequest, EngineBuildFailed, NotFound
from tampu.operations import engines
from tampu.operations.engines import build_engine, list_engines, use_engine
from tampu.upkeep import BuildEngineRequest
from tests.fakes.engine_program import write_fake_engine

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Home:
    settings: Settings
    source: Path
    product: Path
    """What the compiler is to bring out."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "fake").mkdir()
    found = Home(Settings(home=tmp_path / "home"), tmp_path / "source", write_fake_engine(tmp_path / "fake"))
    (found.source / "tools" / "server").mkdir(parents=True)
    (found.source / "CMakeLists.txt").write_text("")
    (found.source / "LICENSE").write_text("MIT")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cmake", "c++", "ninja"):
        tool = tools / name
        tool.write_text(
            f"#!{sys.executable}\nimport pathlib, shutil, sys\n"
            "if '--build' in sys.argv:\n"
            "    to = pathlib.Path(sys.argv[sys.argv.index('--build') + 1]) / 'bin'\n"
            "    to.mkdir(parents=True, exist_ok=True)\n"
            f"    shutil.copy({str(found.product)!r}, to)\n"
            "    print('[1/1] Linking')\n"
        )
        tool.chmod(0o755)
    monkeypatch.setattr(engines, "build_environment", lambda: {"PATH": str(tools)})
    return found


async def built(home: Home, **request: str) -> list[str]:
    steps = build_engine(home, BuildEngineRequest(source=str(home.source), **request))  # type: ignore[arg-type]  # it reads the settings only
    return [step.status async for step in steps]


async def test_an_engine_is_built_tried_listed_and_chosen(home: Home) -> None:
    assert await built(home) == ["configuring", "compiling", "trying the engine", "success"]
    folder = engines_folder(home.settings)
    assert sorted(path.name for path in folder.iterdir()) == ["native"]
    assert sorted(path.name for path in (folder / "native").iterdir()) == ["LICENSE", "about.txt", "llama-server"]
    bundled, native = [each for each in await list_engines(home) if each.origin != "on the PATH"]  # type: ignore[arg-type]  # as above
    assert (bundled.is_used, bundled.problem, native.is_used, native.problem) == (True, "", False, "")
    assert native.version == "version: 7 (fake)"
    assert "AVX" in " ".join(bundled.features) or bundled.features
    await use_engine(home, "native")  # type: ignore[arg-type]  # as above
    assert find_engine(home.settings, {}).engine.name == "native"
    await use_engine(home, "bundled")  # type: ignore[arg-type]  # as above
    assert find_engine(home.settings, {}).engine.name == "bundled"
    with pytest.raises(NotFound, match="no engine is called 'other'"):
        await use_engine(home, "other")  # type: ignore[arg-type]  # as above


async def test_one_that_tells_its_version_and_dies_of_the_first_computation_is_never_installed(home: Home) -> None:
    home.product.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"print('version: 1') if '--version' in sys.argv else os.kill(os.getpid(), {int(signal.SIGILL)})\n"
    )
    with pytest.raises(EngineBuildFailed, match=r"does not run here: .*SIGILL"):
        await built(home, name="bad")
    assert not (engines_folder(home.settings) / "bad").exists()


async def test_one_that_ran_where_it_was_built_and_does_not_now_is_not_chosen(home: Home) -> None:
    await built(home)
    binary = engines_folder(home.settings) / "native" / "llama-server"
    binary.write_text(f"#!{sys.executable}\nimport os\nos.kill(os.getpid(), {int(signal.SIGILL)})\n")
    with pytest.raises(BadRequest, match=r"does not run here: .*SIGILL"):
        await use_engine(home, "native")  # type: ignore[arg-type]  # it reads the settings only
    (native,) = [each for each in await list_engines(home) if each.name == "native"]  # type: ignore[arg-type]  # as above
    assert "SIGILL" in native.problem


@pytest.mark.parametrize("name", ["bundled", "../up", "A", ".hidden", "a/b", "x" * 65])
async def test_names_that_would_hurt_are_refused(home: Home, name: str) -> None:
    with pytest.raises(BadRequest, match=r"is no name for an engine|is taken"):
        await built(home, name=name)


async def test_two_builds_of_one_engine_do_not_meet(home: Home) -> None:
    first = build_engine(home, BuildEngineRequest(source=str(home.source)))  # type: ignore[arg-type]  # as above
    assert (await anext(first)).status == "configuring"  # type: ignore[arg-type]  # an async generator
    with pytest.raises(BadRequest, match="built already"):
        await built(home)
    assert [step.status async for step in first][-1] == "success"
    assert (await built(home))[-1] == "success"
