"""Building an engine: what is missing, how far it is, what fails, and that nothing goes on after a cancel."""

import io
import sys
import tarfile
from contextlib import aclosing
from pathlib import Path

import anyio
import psutil
import pytest

from tampu.engine.building import BuildStep, Toolchain, compile_engine, device_options, find_toolchain
from tampu.engine.source_archive import unpack
from tampu.errors import BadRequest, EngineBuildFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport os, pathlib, sys, time\n{text}\n")
    path.chmod(0o755)
    return path


def source(folder: Path) -> Path:
    (folder / "tools" / "server").mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text("")
    return folder


async def steps(cmake: Path, tmp_path: Path) -> list[BuildStep]:
    toolchain = Toolchain(str(cmake), "Ninja")
    async with aclosing(compile_engine(source(tmp_path / "s"), tmp_path / "w", toolchain, {})) as told:
        return [step async for step in told]


async def test_steps_are_counted_as_both_programs_write_them(tmp_path: Path) -> None:
    text = "print('[1/3] Building a.o\\n[ 50%] Building b.o\\nnote: [9/9]\\n[3/3] Linking')"
    assert await steps(program(tmp_path, "cmake", text), tmp_path) == [
        BuildStep("configuring"),
        BuildStep("compiling", 1, 3),
        BuildStep("compiling", 50, 100),
        BuildStep("compiling", 3, 3),
    ]


async def test_what_a_compiler_complains_of_is_told(tmp_path: Path) -> None:
    text = "print('a.cpp:3:1: error: no such thing\\nninja: build stopped'); sys.exit(2)"
    with pytest.raises(EngineBuildFailed, match=r"cmake failed with status 2: a.cpp:3:1: error: no such thing"):
        await steps(program(tmp_path, "cmake", text), tmp_path)


async def test_a_folder_without_the_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"does not hold llama.cpp's source"):
        async with aclosing(compile_engine(tmp_path, tmp_path / "w", Toolchain("cmake", "Ninja"), {})) as told:
            await anext(told)


async def test_nothing_goes_on_after_a_cancel(tmp_path: Path) -> None:
    """The compilers that cmake started end, too."""
    text = (
        "import subprocess\n"
        "if '--build' in sys.argv:\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "    print('[1/2] Building', flush=True)\n"
        "    time.sleep(600)"
    )
    toolchain = Toolchain(str(program(tmp_path, "cmake", text)), "Ninja")
    with anyio.fail_after(30):
        async with aclosing(compile_engine(source(tmp_path / "s"), tmp_path / "w", toolchain, {})) as told:
            async for step in told:
                if step.done:
                    break
    compiler = int((tmp_path / "pid").read_text())
    with anyio.fail_after(10):
        while psutil.pid_exists(compiler) and psutil.Process(compiler).status() != psutil.STATUS_ZOMBIE:
            await anyio.sleep(0.02)


def test_what_is_missing_is_named_with_how_to_have_it(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    with pytest.raises(EngineBuildFailed, match=r"cmake and a C\+\+ compiler and ninja or make not found.*apt install"):
        find_toolchain({"PATH": str(tools)}, ())
    for name in ("cmake", "g++"):
        program(tools, name, "")
    with pytest.raises(EngineBuildFailed, match=r"^ninja or make not found"):
        find_toolchain({"PATH": str(tools)}, ())
    program(tools, "make", "")
    assert find_toolchain({"PATH": str(tools)}, ()).generator == "Unix Makefiles"
    program(tools, "ninja", "")
    assert find_toolchain({"PATH": str(tools)}, ()).generator == "Ninja"


@pytest.mark.parametrize(
    ("devices", "programs", "options"),
    [
        ((), {"nvcc", "hipcc", "glslc"}, ()),
        (("NVIDIA GPU",), set(), ()),
        (("NVIDIA GPU",), {"nvcc"}, ("-DGGML_CUDA=ON",)),
        (("AMD GPU",), {"hipcc", "glslc"}, ("-DGGML_HIP=ON",)),
        (("AMD GPU",), {"glslc"}, ("-DGGML_VULKAN=ON",)),
        (("NVIDIA GPU", "AMD GPU"), {"nvcc", "hipcc"}, ("-DGGML_CUDA=ON", "-DGGML_HIP=ON")),
    ],
)
def test_a_device_is_built_for_where_its_compiler_is(
    devices: tuple[str, ...], programs: set[str], options: tuple[str, ...]
) -> None:
    assert device_options(devices, programs.__contains__) == options


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for member in members:
            packed.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, **facts: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size = 3
    for key, value in facts.items():
        setattr(found, key, value)
    return found


def test_one_folder_is_taken_out_and_nothing_leads_outside(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "a.tar.gz",
        member("pkg-1/vendor/llama.cpp/CMakeLists.txt"),
        member("pkg-1/vendor/llama.cpp/src/a.cpp"),
        member("pkg-1/other.txt"),
        member("pkg-1/vendor/llama.cpp/link", type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0),
    )
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "old").touch()
    unpack(made, "vendor/llama.cpp", tmp_path / "to")
    found = sorted(path.relative_to(tmp_path / "to").as_posix() for path in (tmp_path / "to").rglob("*"))
    assert found == ["CMakeLists.txt", "src", "src/a.cpp"]


@pytest.mark.parametrize(
    "bad", [member("pkg-1/vendor/llama.cpp/../../../../escaped"), member("pkg-1/vendor/llama.cpp/big", size=3 << 30)]
)
def test_an_archive_that_means_harm_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        packed.addfile(member("pkg-1/vendor/llama.cpp/a"), io.BytesIO(bytes(3)))
        packed.addfile(bad)
    with pytest.raises(EngineBuildFailed):
        unpack(tmp_path / "a.tar", "vendor/llama.cpp", tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert not list(tmp_path.rglob("escaped"))


def test_an_archive_without_the_folder_and_one_that_is_cut_are_refused(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.tar.gz", member("pkg-1/other.txt"))
    with pytest.raises(EngineBuildFailed, match="holds no vendor"):
        unpack(made, "vendor/llama.cpp", tmp_path / "to")
    made.write_bytes(made.read_bytes()[:20])
    with pytest.raises(EngineBuildFailed, match="cannot be unpacked"):
        unpack(made, "vendor/llama.cpp", tmp_path / "to")
