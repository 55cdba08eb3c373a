"""Examines the machine, the engine, the models folder and the settings: what is there, what is wrong, how to mend it.

Each look is a function of its own that gives findings; one that fails becomes a finding too, and the others go on.
"""

import os
import platform
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import psutil
from anyio import to_thread

from tampu import __version__
from tampu.config import Settings, engine_environment
from tampu.engine.binary import find_engine
from tampu.engine.trial import Trial, try_engine
from tampu.engine.view_folder import MOST_KEPT_BYTES, kept_views
from tampu.errors import EngineStartFailed, StoreError
from tampu.hardware import processor as instructions
from tampu.hardware.accelerators import accelerators
from tampu.hardware.devices import (
    allowed_processors,
    compute_threads,
    fast_processors,
    physical_cores,
    quota_cores,
)
from tampu.hardware.memory import Memory, available_memory
from tampu.operations.current import CurrentSettings
from tampu.operations.services import Services
from tampu.operations.unfinished import list_unfinished
from tampu.store.verification import plan_verification
from tampu.units import format_bytes
from tampu.upkeep import MOVE_IT_AWAY, Damage, Finding, Verdict

_ROOT: Final = Path("/")
_NAME_ANOTHER: Final = "set TAMPU_LLAMA_SERVER to a binary that runs here, or take it away to use the bundled engine"
_LITTLE_MEMORY: Final = 1 << 30
_LITTLE_ROOM: Final = 2 * 10**9
_LITTLE_HOME: Final = 10**8


async def examine(services: Services) -> Sequence[Finding]:
    """All findings, in the order in which they are best read."""
    looks: list[tuple[str, Callable[[], Awaitable[Sequence[Finding]]]]] = [
        ("program", partial(_in_thread, program)),
        ("processor", partial(_in_thread, processor)),
        ("memory", partial(_in_thread, _memory)),
        ("engine", partial(_engine, services.settings)),
        ("models", partial(_in_thread, partial(_room, services.settings.models_folder))),
        ("models", partial(_models, services)),
        ("models", partial(_in_thread, partial(_translations, services.library.layout.views))),
        ("home", partial(_in_thread, partial(home, services.settings.home))),
        ("network", partial(_in_thread, partial(network, services.settings))),
        ("settings", partial(_in_thread, partial(warnings_of, services.settings))),
        ("settings", partial(_in_thread, partial(changes_of, services.current))),
    ]
    findings: list[Finding] = []
    for topic, look in looks:
        try:
            findings += await look()
        except (OSError, StoreError, psutil.Error) as error:
            advice = "see that what is named exists, and that the user that the server runs as may read and write it"
            findings.append(Finding(topic, f"cannot be examined: {error}", Verdict.PROBLEM, advice))
    return findings


async def _in_thread(look: Callable[[], Iterator[Finding]]) -> Sequence[Finding]:
    return await to_thread.run_sync(lambda: list(look()))


def program() -> Iterator[Finding]:
    """What runs here."""
    python = f"Python {platform.python_version()}"
    yield Finding("program", f"Tampu {__version__} on {python}, {platform.system()} {platform.machine()}")


def processor(root: Path = _ROOT) -> Iterator[Finding]:
    """Cores, and how many of them engines use."""
    allowed = allowed_processors()
    cores, threads, quota = physical_cores(root, allowed), compute_threads(root), quota_cores(root)
    slow = cores - physical_cores(root, fast_processors(root, allowed))
    why = f", not on {_counted(slow, 'slow core')}, for which all others would wait" if slow else ""
    text = f"{len(allowed)} logical on {_counted(cores, 'core')}; engines compute on {threads}{why}"
    yield Finding("processor", text)
    if quota is not None and quota < cores:
        text = f"the control group allows {quota:g} cores of time, so fewer threads are used"
        yield Finding("processor", text, Verdict.NOTE, "raise the limit of the container to use the whole machine")


def _memory() -> Iterator[Finding]:
    return memory(available_memory(), psutil.virtual_memory().total)


def memory(usable: Memory, machine_bytes: int) -> Iterator[Finding]:
    """What engines may take, of what the machine has."""
    is_short = usable.available_bytes < _LITTLE_MEMORY
    yield Finding(
        "memory",
        f"{_gigabytes(usable.available_bytes)} of {_gigabytes(usable.total_bytes)} may be taken",
        Verdict.PROBLEM if is_short else Verdict.FINE,
        "end other programs, or unload models with 'stop'" if is_short else "",
    )
    if usable.total_bytes < machine_bytes:
        text = f"the control group limits what may be taken; the machine has {_gigabytes(machine_bytes)}"
        yield Finding("memory", text, Verdict.NOTE, "raise the limit of the container to load larger models")


async def _engine(settings: Settings) -> Sequence[Finding]:
    environment = engine_environment()
    try:
        choice = await to_thread.run_sync(find_engine, settings, environment)
    except EngineStartFailed as error:
        # Where no engine is there at all, the error says itself what to install.
        return [Finding("engine", error.message, Verdict.PROBLEM, _NAME_ANOTHER if settings.llama_server else "")]
    trial = await try_engine(choice.engine.binary, environment)
    here = await to_thread.run_sync(instructions.processor)
    return list(engine(choice.engine.binary, trial, accelerators(), why=choice.why, features=here.features))


def engine(
    binary: Path | None,
    trial: Trial,
    devices: Sequence[str],
    *,
    why: str = "",
    features: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """The engine that is used, why it is, and what it does not use. `features`: the processor's, as the system says."""
    where = "bundled" if binary is None else str(binary)
    if trial.problem:
        advice = (
            "install the package xllamacpp again, or set TAMPU_LLAMA_SERVER to a llama-server binary"
            if binary is None
            else _NAME_ANOTHER
        )
        yield Finding("engine", f"{where}: {trial.problem}", Verdict.PROBLEM, advice)
        return
    yield Finding("engine", f"{where}: {trial.version}" + (f"; used, because {why}" if why else ""))
    if trial.features:
        yield Finding("engine", f"built for {' '.join(trial.features)}")
    if binary is None and "avx512f" in features and "AVX512" not in trial.features:
        text = "the processor has AVX-512, which the bundled engine does not use"
        yield Finding("engine", text, Verdict.NOTE, "build one for it with 'tampu engine build', then 'engine use'")
    if devices and binary is None and "Apple GPU" not in devices:
        text = f"{' and '.join(devices)} here, but the bundled engine computes on the processor"
        yield Finding("engine", text, Verdict.NOTE, "set TAMPU_LLAMA_SERVER to a llama-server that was built for it")


def _room(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    is_short = free < _LITTLE_ROOM
    advice = "remove models with 'rm', or what no model uses with 'purge'" if is_short else ""
    text = f"{folder}, {format_bytes(free)} free"
    yield Finding("models", text, Verdict.PROBLEM if is_short else Verdict.FINE, advice)
    if not os.access(folder, os.W_OK | os.X_OK):
        text = "the folder cannot be written to: models can be run, but none pulled, created or removed"
        yield Finding("models", text, Verdict.PROBLEM, "give the user that the server runs as the right to write")


async def _models(services: Services) -> Sequence[Finding]:
    plan = await to_thread.run_sync(plan_verification, services.library)
    names = await to_thread.run_sync(services.library.names)
    unfinished = [each for each in await list_unfinished(services) if not each.is_running]
    findings = [Finding("models", f"{_counted(len(names), 'model')}, {format_bytes(plan.bytes)} in blobs")]
    findings += map(damaged, plan.damages)
    if unfinished:
        done = format_bytes(sum(each.completed for each in unfinished))
        text = f"{_counted(len(unfinished), 'download')} not finished, {done} so far"
        advice = "pull the models again to go on ('pull --list-partial' names them), or 'purge'"
        findings.append(Finding("models", text, Verdict.NOTE, advice))
    return findings


def _translations(folder: Path) -> Iterator[Finding]:
    """What is kept on disk because memory was short when published models were loaded."""
    kept = kept_views(folder)
    if kept:
        taken = f"{format_bytes(sum(view.bytes for view in kept))} of at most {format_bytes(MOST_KEPT_BYTES)}"
        yield Finding("models", f"{_counted(len(kept), 'translation')} kept for the next load, {taken}")


def damaged(damage: Damage) -> Finding:
    """What is wrong in the models folder, and what to do about this kind of damage."""
    what = f"{damage.digest}: {damage.problem}" if damage.digest else damage.problem
    users = f"; used by {', '.join(damage.models)}" if damage.models else ""
    if damage.models:
        advice = "remove the models that it hurts, then pull them again"
    elif damage.digest:
        advice = "no model uses it: delete it from the folder blobs"
    else:
        advice = MOVE_IT_AWAY
    return Finding("models", what + users, Verdict.PROBLEM, advice)


def home(folder: Path) -> Iterator[Finding]:
    """Whether the server can keep what it remembers: settings, prompts, logs, engines that were built."""
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        text = f"{existing} cannot be written to: no prompts, logs or choices are kept"
        yield Finding("home", text, Verdict.PROBLEM, "give the user that the server runs as the right to write there")
    elif (free := shutil.disk_usage(existing).free) < _LITTLE_HOME:
        text = f"{folder} has {format_bytes(free)} free, for prompts, logs and what else is kept"
        yield Finding("home", text, Verdict.PROBLEM, "remove other files from that disk, or what is kept with 'purge'")


def network(settings: Settings) -> Iterator[Finding]:
    """Who can reach the server."""
    if settings.address.is_loopback:
        yield Finding("network", f"{settings.address.url}, for programs on this machine only")
    else:
        text = f"{settings.address.url}: whoever reaches this machine can use, change and remove models"
        yield Finding("network", text, Verdict.NOTE, "bind to 127.0.0.1, or let a firewall or proxy ask who it is")


def warnings_of(settings: Settings) -> Iterator[Finding]:
    """Values that mean nothing, as the server said when it started."""
    for warning in settings.warnings:
        yield Finding("settings", warning, Verdict.PROBLEM, "see docs/settings.md for what is allowed")


def changes_of(current: CurrentSettings) -> Iterator[Finding]:
    """What was changed in the settings file since the server started, and does not count."""
    if current.fault:
        text = f"what the settings file says now does not count: {current.fault}"
        yield Finding("settings", text, Verdict.PROBLEM, "mend it; the server takes it over by itself")
    if current.waiting:
        text = f"changed since the server started: {', '.join(current.waiting)}"
        yield Finding("settings", text, Verdict.NOTE, "restart the server to have it count")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
