"""Compiles a `llama-server` for this machine out of llama.cpp's source, as a job in a folder of its own.

1. What is there of an earlier try in the same folder is built on; cmake knows what is done.
2. All children run at the lowest priority: a server that answers meanwhile is not slowed more than it must be.
3. Cancelled, the compilers end at once; what they had finished stays.
4. The source may fetch nothing: no web interface, no TLS, no download of its own.
"""

import re
import shutil
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import psutil
from anyio.streams.text import TextReceiveStream

from tampu.engine.binary import BINARY_NAME
from tampu.errors import BadRequest, EngineBuildFailed
from tampu.hardware.devices import compute_threads
from tampu.hardware.memory import available_memory

_OPTIONS: Final = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_ALL_WARNINGS=OFF",
)
"""Options that a release does not know do no harm."""
_BYTES_PER_JOB: Final = 3 << 29
"""What one compiler may come to take."""
_NICE: Final = 15
_COUNTED: Final = re.compile(r"^\[(\d+)/(\d+)\]")
_PERCENT: Final = re.compile(r"^\[ *(\d+)%\]")
_LAST_LINES: Final = 30
_ERROR: Final = re.compile(r"error[: ]", re.IGNORECASE)
_STOP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class BuildStep:
    """How far it is: steps of what is being done."""

    doing: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What compiles: paths of programs; `extra`: options for the devices that the compilers here can build for."""

    cmake: str
    generator: str
    extra: tuple[str, ...] = ()


def find_toolchain(environment: Mapping[str, str], devices: Sequence[str]) -> Toolchain:
    """The compilers on the PATH; raises EngineBuildFailed with what to install. `devices`: as `accelerators` says."""
    path = environment.get("PATH")
    cmake = shutil.which("cmake", path=path)
    names = (environment.get("CXX"), "c++", "g++", "clang++")
    compiler = any(shutil.which(name, path=path) for name in names if name)
    maker = next((name for name in ("ninja", "make") if shutil.which(name, path=path)), None)
    tools = (("cmake", cmake), ("a C++ compiler", compiler), ("ninja or make", maker))
    missing = [what for what, found in tools if not found]
    if cmake is None or missing:
        raise EngineBuildFailed(
            f"{' and '.join(missing)} not found, which building an engine takes: install what is missing (Debian and "
            "Ubuntu: 'apt install cmake g++ ninja-build'; Fedora: 'dnf install cmake gcc-c++ ninja-build'; "
            "macOS: 'xcode-select --install' and 'brew install cmake ninja'), then build again"
        )
    generator = "Ninja" if maker == "ninja" else "Unix Makefiles"
    return Toolchain(cmake, generator, device_options(devices, lambda name: bool(shutil.which(name, path=path))))


def device_options(devices: Sequence[str], has: Callable[[str], bool]) -> tuple[str, ...]:
    """The options for the devices that are here and whose compilers are, too. Pure."""
    options = []
    if "NVIDIA GPU" in devices and has("nvcc"):
        options.append("-DGGML_CUDA=ON")
    if "AMD GPU" in devices and has("hipcc"):
        options.append("-DGGML_HIP=ON")
    if devices and not options and has("glslc"):
        options.append("-DGGML_VULKAN=ON")
    return tuple(options)


async def compile_engine(
    source: Path, work: Path, toolchain: Toolchain, environment: Mapping[str, str]
) -> AsyncGenerator[BuildStep]:
    """Make `work/bin/llama-server`, telling how far it is; raises EngineBuildFailed with the compiler's words.

    Raises BadRequest for a folder that holds something else.
    """
    if not (source / "CMakeLists.txt").is_file() or not (source / "tools" / "server").is_dir():
        raise BadRequest(f"{source} does not hold llama.cpp's source; name the folder with its CMakeLists.txt")
    yield BuildStep("configuring")
    configure = [toolchain.cmake, "-S", str(source), "-B", str(work), "-G", toolchain.generator, *_OPTIONS]
    async for _ in _run([*configure, *toolchain.extra], environment):
        pass
    build = [toolchain.cmake, "--build", str(work), "--target", BINARY_NAME, "--parallel", str(_jobs())]
    async for line in _run(build, environment):
        if step := _step(line):
            yield step


def _jobs() -> int:
    return max(1, min(compute_threads(), available_memory().available_bytes // _BYTES_PER_JOB))


def _step(line: str) -> BuildStep | None:
    if counted := _COUNTED.match(line):
        return BuildStep("compiling", int(counted[1]), int(counted[2]))
    if percent := _PERCENT.match(line):
        return BuildStep("compiling", int(percent[1]), 100)
    return None


async def _run(command: Sequence[str], environment: Mapping[str, str]) -> AsyncGenerator[str]:
    """The lines that a program writes, until it ends; raises EngineBuildFailed where it fails."""
    last: list[str] = []
    with anyio.CancelScope(shield=True):  # a started child must not get lost
        process = await anyio.open_process(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        _be_nice(process.pid)
        async for line in _lines(process):
            last = [*last, line][-_LAST_LINES:]
            yield line
        code = await process.wait()
    finally:
        await _end(process)
    if code:
        said = next((line for line in last if _ERROR.search(line)), last[-1] if last else "it gave no reason")
        raise EngineBuildFailed(f"{Path(command[0]).name} failed with status {code}: {said.strip()[:300]}")


def _be_nice(pid: int) -> None:
    with suppress(psutil.Error, OSError):
        psutil.Process(pid).nice(_NICE)


async def _lines(process: anyio.abc.Process) -> AsyncGenerator[str]:
    assert process.stdout is not None  # noqa: S101  # a pipe is what open_process makes
    rest = ""
    async for text in TextReceiveStream(process.stdout, errors="replace"):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield line
    if rest:
        yield rest


async def _end(process: anyio.abc.Process) -> None:
    """End the program and all that it started; they are in a session of their own."""
    with anyio.CancelScope(shield=True):
        family: list[psutil.Process] = []
        with suppress(psutil.Error):
            family = psutil.Process(process.pid).children(recursive=True)
        for each in family if process.returncode is None else []:
            with suppress(psutil.Error):
                each.terminate()
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.terminate()
        with anyio.move_on_after(_STOP_S):
            await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.aclose()
