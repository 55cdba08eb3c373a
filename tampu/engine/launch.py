"""Prepares the start of one engine: its private folder, its key, its command and the task it gets on stdin."""

import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psutil

from tampu.config import Settings, engine_environment
from tampu.engine.abilities import Program
from tampu.engine.flags import binary_flags
from tampu.engine.parameters import (
    FAILS_AT_ONCE,
    QUIET,
    Endpoint,
    Parameter,
    binary_environment,
    compute_environment,
    device_margins,
    engine_parameters,
)
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineStartFailed
from tampu.hardware.devices import allowed_processors, compute_threads, physical_cores
from tampu.hardware.memory import available_memory, out_of_memory_kills

FOLDER_PREFIX: Final = "tampu-engine-"
SOCKET_NAME: Final = "e.sock"
_COMMAND: Final = (sys.executable, "-P", "-E", "-S", str(Path(__file__).with_name("child.py")))
"""Neither the program's folder nor the environment adds to what it imports. It is told where to look: to find that out
by itself (-S) would take two thirds of its start."""
_SOCKET_PATH_LIMIT: Final = 100
"""Systems allow 104 to 108 bytes."""
_PROMPT_CACHE_SHARE: Final = 16
_PROMPT_CACHE_MOST: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """All that is needed to start one engine and to judge how the start went."""

    folder: Path
    endpoint: Endpoint
    key: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    first_line: bytes
    ready_mark: str
    is_bundled: bool
    weights_bytes: int
    kills_before: int


def prepare_launch(
    spec: EngineSpec,
    placement: Placement,
    settings: Settings,
    program: Program,
    *,
    environment: Mapping[str, str] | None = None,
    extras: Mapping[str, Parameter] = MappingProxyType({}),
) -> Launch:
    """Everything decided, the private folder made; the engine gets `extras` besides, as far as it knows them."""
    spec = _with_absolute_paths(spec)
    _require_regular_files(spec)
    placement = replace(placement, threads=_threads(spec, placement))
    is_bound = program.binary is None and _fills_machine(placement.threads)
    environment = compute_environment(engines_environment(environment), is_bound=is_bound)
    sweep_folders()
    folder = make_folder()
    spec = _with_named_shards(spec, folder)
    endpoint = _endpoint(folder)
    key, ready_mark = secrets.token_urlsafe(32), f"ready-{secrets.token_hex(8)}"
    parameters = engine_parameters(
        spec,
        placement,
        endpoint=endpoint,
        key=key,
        cache_bytes=_prompt_cache_bytes(placement),
        verbosity=QUIET + settings.log_level,
        is_unified=program.is_unified,
    )
    parameters |= {**device_margins(settings.gpu_overhead_bytes), **extras}
    task = _task(program, parameters, environment, key, ready_mark)
    return Launch(
        folder=folder,
        endpoint=endpoint,
        key=key,
        command=_COMMAND,
        environment=environment,
        first_line=json.dumps(task).encode() + b"\n",
        ready_mark=ready_mark,
        is_bundled=program.binary is None,
        weights_bytes=_weights_bytes(spec),
        kills_before=out_of_memory_kills(),
    )


def _task(
    program: Program, parameters: dict[str, Parameter], environment: dict[str, str], key: str, ready_mark: str
) -> dict[str, object]:
    """The line that the child reads (see `child.py`)."""
    task: dict[str, object] = {"parent": os.getpid()}
    if program.abilities is None:
        # The bundled library takes no list of devices: it uses what it finds.
        known = {name: value for name, value in parameters.items() if name != "devices"}
        return task | {"import_paths": sys.path, "parameters": known, "ready_mark": ready_mark}
    command = [str(program.binary), *binary_flags(parameters, program.abilities)]
    return task | {"command": command, "environment": binary_environment(environment, key)}


def engines_environment(given: Mapping[str, str] | None) -> dict[str, str]:
    """What an engine may see: what is `given`, else this process's environment, scrubbed."""
    return {**(engine_environment() if given is None else given), **FAILS_AT_ONCE}


def make_folder() -> Path:
    """A new folder for one engine that nobody else can enter; its name says whose it is."""
    prefix = f"{FOLDER_PREFIX}{os.getpid()}-"
    folder = tempfile.mkdtemp(prefix=prefix)
    if len(folder) + len(f"/{SOCKET_NAME}") > _SOCKET_PATH_LIMIT:
        os.rmdir(folder)  # noqa: PTH106  # as mkdtemp gave it
        folder = tempfile.mkdtemp(prefix=prefix, dir="/tmp")  # mkdtemp makes it private
    return Path(folder)


def sweep_folders() -> None:
    """Remove the folders of engines whose server was killed before it could."""
    for place in {Path(tempfile.gettempdir()), Path("/tmp")}:  # noqa: S108  # where make_folder makes them
        for folder in place.glob(f"{FOLDER_PREFIX}*-*"):
            owner = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
            if owner.isdigit() and not psutil.pid_exists(int(owner)) and _is_deserted(folder / SOCKET_NAME):
                remove_folder(folder)


def _is_deserted(path: Path) -> bool:
    """A socket that nobody listens on. A process we cannot see, as in another container, may still hold its own."""
    try:
        if not path.is_socket() or path.parent.is_symlink():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
    except ConnectionRefusedError:
        return True
    except OSError:  # the folder of another user, above all
        return False
    return False


def remove_folder(folder: Path) -> None:
    """Remove an engine's folder; one of another user stays."""
    shutil.rmtree(folder, ignore_errors=True)


def _with_absolute_paths(spec: EngineSpec) -> EngineSpec:
    """The child runs in another folder."""
    return replace(
        spec,
        model_path=spec.model_path.absolute(),
        shard_paths=tuple(path.absolute() for path in spec.shard_paths),
        projector_paths=tuple(path.absolute() for path in spec.projector_paths),
        adapter_paths=tuple(path.absolute() for path in spec.adapter_paths),
        draft_path=None if spec.draft_path is None else spec.draft_path.absolute(),
    )


def _threads(spec: EngineSpec, placement: Placement) -> int:
    """The threads to compute on: as the request says, as the scheduler says, or what the machine has."""
    return next(threads for threads in (spec.num_thread, placement.threads, compute_threads()) if threads > 0)


def _fills_machine(threads: int) -> bool:
    """Whether there is a thread for every core, so that binding each to its own leaves none idle.

    With fewer, every engine, and every container with a quota, would crowd on the same first cores.
    """
    return threads == physical_cores(Path("/"), allowed_processors())


def _with_named_shards(spec: EngineSpec, folder: Path) -> EngineSpec:
    """An engine is given the first part of a split model and finds the others by their names, which blobs lack."""
    if not spec.shard_paths:
        return spec
    count = len(spec.shard_paths)
    names = [folder / f"model-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
    for name, path in zip(names, spec.shard_paths, strict=True):
        _link(name, path)
    return replace(spec, model_path=names[0], shard_paths=tuple(names))


def _link(name: Path, path: Path) -> None:
    """Make `name` stand for the file at `path`."""
    try:
        name.symlink_to(path)
    except OSError:
        # Windows lets only some users make symbolic links.
        name.hardlink_to(path)


def _endpoint(folder: Path) -> Endpoint:
    return Endpoint(socket=folder / SOCKET_NAME) if _has_unix_sockets() else Endpoint(socket=None, port=_free_port())


def _has_unix_sockets() -> bool:
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"


def _free_port() -> int:
    """A port of the loopback address that is free now. Should another take it first, the key keeps the engine ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _prompt_cache_bytes(placement: Placement) -> int:
    """What the engine may keep of prompts that left their slots; its own default, 8 GiB, has filled machines."""
    if placement.prompt_cache_bytes is not None:
        return placement.prompt_cache_bytes
    return min(available_memory().available_bytes // _PROMPT_CACHE_SHARE, _PROMPT_CACHE_MOST)


def _paths(spec: EngineSpec) -> tuple[Path, ...]:
    drafts = () if spec.draft_path is None else (spec.draft_path,)
    return (*(spec.shard_paths or (spec.model_path,)), *spec.projector_paths, *spec.adapter_paths, *drafts)


def _require_regular_files(spec: EngineSpec) -> None:
    """An engine that opens a pipe waits for ever. What is missing it tells itself."""
    for path in _paths(spec):
        if path.exists() and not path.is_file():
            raise EngineStartFailed(
                f"{path.name} is not a regular file; remove it, then pull or create the model again"
            )


def _weights_bytes(spec: EngineSpec) -> int:
    return sum(path.stat().st_size for path in _paths(spec) if path.is_file())
