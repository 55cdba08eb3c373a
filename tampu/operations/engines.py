"""The engines of this machine: which there are and run, which one is used, and building one for its very processor."""

import hashlib
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.config import Settings, build_environment, engine_environment
from tampu.engine.binary import (
    BINARY_NAME,
    RESERVED_NAMES,
    Candidate,
    Choice,
    Origin,
    candidates,
    engines_folder,
    find_engine,
)
from tampu.engine.building import compile_engine, find_toolchain
from tampu.engine.selection import Selection, replace_file, write_selection
from tampu.engine.source_archive import unpack
from tampu.engine.trial import Trial, prove_engine
from tampu.errors import BadRequest, EngineBuildFailed, EngineStartFailed, NotFound, StoreError
from tampu.hardware.accelerators import accelerators
from tampu.hardware.processor import processor
from tampu.operations.services import Services
from tampu.progress import SUCCESS, Progress
from tampu.registry.catalog import PackagePiece
from tampu.registry.sources.pip import download_source
from tampu.upkeep import BuildEngineRequest, FoundEngine

try:
    import fcntl
except ImportError:  # no such locks on Windows
    fcntl = None  # type: ignore[assignment]  # what the check for it is for

SOURCE: Final = PackagePiece(
    package="llama-cpp-python",
    version="0.3.36",
    wheel="llama_cpp_python-0.3.36.tar.gz",
    wheel_sha256="832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    wheel_size=76_589_250,
    member="vendor/llama.cpp",
    member_size=0,
)
"""The package whose source archive carries llama.cpp (MIT), pinned: what is compiled is what was tried."""
DEFAULT_NAME: Final = "native"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NO_DIGEST: Final = "0" * 19
_WORK: Final = ".work"
_SOURCE_FOLDER: Final = "source"
_LICENCES: Final = ("LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING")
_NEEDED_BYTES: Final = 2 << 30


async def list_engines(services: Services) -> Sequence[FoundEngine]:
    """Every engine that there is, each tried in a child of its own; which is used, and why."""
    settings, environment = services.settings, engine_environment()
    found = await to_thread.run_sync(candidates, settings, environment)
    try:
        choice = await to_thread.run_sync(find_engine, settings, environment)
    except EngineStartFailed:
        choice = None
    return [await _described(each, choice, settings) for each in found]


async def _described(engine: Candidate, choice: Choice | None, settings: Settings) -> FoundEngine:
    trial = await _tried(engine, settings)
    is_used = choice is not None and choice.engine == engine
    return FoundEngine(
        name=engine.name,
        origin=engine.origin.value,
        path="" if engine.binary is None else str(engine.binary),
        version=trial.version,
        features=trial.features,
        problem=trial.problem,
        is_used=is_used,
        why=choice.why if choice is not None and is_used else "",
    )


async def _tried(engine: Candidate, settings: Settings) -> Trial:
    name = settings.llama_server if engine.origin is Origin.SETTING else engine.name
    return await prove_engine(name, engine.binary, settings, engine_environment())


async def use_engine(services: Services, name: str) -> None:
    """Let models be loaded by that engine from now on; those that are loaded stay as they are.

    Raises NotFound, BadRequest for one that does not run here, StoreError.
    """
    settings = services.settings
    if settings.llama_server:
        raise BadRequest("TAMPU_LLAMA_SERVER says which engine is used; unset it to choose one")
    found = await to_thread.run_sync(candidates, settings, engine_environment())
    chosen = next((each for each in found if each.name == name), None)
    if chosen is None:
        raise NotFound(f"no engine is called '{name}'; there are: {', '.join(each.name for each in found) or 'none'}")
    trial = await _tried(chosen, settings)
    if trial.problem:
        raise BadRequest(f"the engine '{name}' does not run here: {trial.problem}")
    selection = Selection(name, processor().fingerprint)
    try:
        await to_thread.run_sync(write_selection, engines_folder(settings), selection)
    except OSError as error:
        raise StoreError(f"the choice cannot be kept: {error.strerror or error}") from None


async def build_engine(services: Services, request: BuildEngineRequest) -> AsyncIterator[Progress]:
    """Compile an engine into a folder of its name, whole or not at all; raises EngineBuildFailed, RegistryError.

    What a build that was cancelled had done is taken up by the next one of the same name and source.
    """
    name = request.name or DEFAULT_NAME
    if name in RESERVED_NAMES:
        raise BadRequest(f"the name '{name}' is taken; build under another")
    if not _NAME.fullmatch(name):
        raise BadRequest(f"'{name}' is no name for an engine: use small letters, digits, dots and dashes")
    environment = build_environment()
    toolchain = await to_thread.run_sync(find_toolchain, environment, accelerators())
    folder = engines_folder(services.settings)
    work = folder / f"{_WORK}-{name}-{_mark(request)}"
    await to_thread.run_sync(_ready, work)
    with _alone(work):
        async with aclosing(_source(request, work)) as steps:
            async for step in steps:
                yield step
        source = Path(request.source) if request.source else work / _SOURCE_FOLDER
        async with aclosing(compile_engine(source, work / "build", toolchain, environment)) as compiling:
            async for done in compiling:
                yield Progress(done.doing, total_bytes=done.total or None, completed_bytes=done.done or None)
        yield Progress("trying the engine")
        binary = work / "build" / "bin" / BINARY_NAME
        trial = await prove_engine(str(binary), binary, services.settings, engine_environment())
        if trial.problem:
            raise EngineBuildFailed(f"the engine that was built does not run here: {trial.problem}")
        told = request.source or f"{SOURCE.package} {SOURCE.version}"
        await to_thread.run_sync(_install, binary, source, told, folder / name)
        await to_thread.run_sync(_remove, work)
    yield SUCCESS


def _mark(request: BuildEngineRequest) -> str:
    """Different for every source, so that a build goes on with its own only."""
    told = request.source or f"{SOURCE.package} {SOURCE.version} {SOURCE.wheel_sha256}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _ready(work: Path) -> None:
    try:
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(work).free
    except OSError as error:
        raise EngineBuildFailed(f"{work.parent} cannot be used: {error.strerror or error}") from None
    if free < _NEEDED_BYTES:
        raise EngineBuildFailed(f"building takes 2 GB of disk, and {work.parent} has {free / 1e9:.1f} GB free")


async def _source(request: BuildEngineRequest, work: Path) -> AsyncGenerator[Progress]:
    """See that there is source to compile, fetching it where none was named."""
    if request.source or (work / _SOURCE_FOLDER / "CMakeLists.txt").is_file():
        return
    fetching = f"fetching {SOURCE.package} {SOURCE.version}"
    downloads = work / "download"
    await to_thread.run_sync(_make_empty, downloads)
    async with aclosing(download_source(SOURCE, downloads)) as counts:
        async for count in counts:
            yield Progress(fetching, _NO_DIGEST, SOURCE.wheel_size, min(count, SOURCE.wheel_size))
    yield Progress("unpacking the source")
    archive = downloads / "sources" / SOURCE.wheel
    await to_thread.run_sync(unpack, archive, SOURCE.member, work / _SOURCE_FOLDER)
    await to_thread.run_sync(_remove, downloads)


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Nobody else builds in this folder, this server or another; where systems cannot tell, it is hoped."""
    with ExitStack() as stack:
        try:
            lock = stack.enter_context((work / "lock").open("w"))
            if fcntl is not None:
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody builds, or has just removed what they built in
            raise BadRequest("this engine is being built already; wait until it is there") from None
        yield


def _install(binary: Path, source: Path, told: str, folder: Path) -> None:
    """Put the engine, its licence and what is known of it into `folder`, whole; the one that was there goes."""
    ready, old = folder.with_name(f".ready-{folder.name}"), folder.with_name(f".old-{folder.name}")
    _make_empty(ready)
    try:
        shutil.copy2(binary, ready / BINARY_NAME)
        for licence in _LICENCES:
            if (source / licence).is_file():
                shutil.copy2(source / licence, ready / licence)
        replace_file(ready / "about.txt", f"llama.cpp from {told}, built for {processor().name}\n".encode())
        _remove(old)
        if folder.exists():
            folder.replace(old)
        ready.replace(folder)
    except OSError as error:
        raise EngineBuildFailed(f"{folder} cannot be written: {error.strerror or error}") from None
    _remove(old)


def _make_empty(folder: Path) -> None:
    _remove(folder)
    folder.mkdir()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
