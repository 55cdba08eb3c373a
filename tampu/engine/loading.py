"""Watches one engine while it loads: how far it is, whether it still moves, and why it failed."""

import signal
from typing import Final

import anyio
import psutil

from tampu.engine.architectures import bundled_version
from tampu.engine.client import EngineClient
from tampu.engine.keeper import Keeper
from tampu.engine.launch import Launch
from tampu.engine.log_watch import cause_of_failure, last_words
from tampu.engine.pulse import Vitals
from tampu.errors import EngineError, EngineOutOfMemory, EngineStartFailed
from tampu.hardware.memory import out_of_memory_kills

_SAMPLE_S: Final = 0.25
_FIRST_POLL_S: Final = 0.01
_ALMOST: Final = 0.99
_MIB: Final = 1 << 20
_OTHERS_END_IT: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM})
"""What no engine does to itself."""


def vitals_of(keeper: Keeper, is_bundled: bool) -> Vitals:
    """What the process has done so far; nothing where the system does not say."""
    # A binary is asked time and again whether it is ready, and may log each time that it is not.
    log_lines = keeper.log.line_count if is_bundled else 0
    try:
        process = psutil.Process(keeper.pid)
        # What is called a binary may be a script that starts one.
        family = [process] if is_bundled else [process, *process.children(recursive=True)]
        shares = [_vitals_of(member) for member in family]
    except psutil.Error:
        return Vitals(log_lines=log_lines)
    return Vitals(
        resident_mib=sum(share.resident_mib for share in shares),
        read_mib=sum(share.read_mib for share in shares),
        processor_ds=sum(share.processor_ds for share in shares),
        log_lines=log_lines,
    )


def _vitals_of(process: psutil.Process) -> Vitals:
    with process.oneshot():
        times = process.cpu_times()
        counters = process.io_counters() if hasattr(process, "io_counters") else None
        return Vitals(
            resident_mib=process.memory_info().rss // _MIB,
            read_mib=0 if counters is None else counters.read_bytes // _MIB,
            processor_ds=int((times.user + times.system) * 10),
        )


def resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 where it is gone."""
    try:
        resident: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
    return resident


def loaded_fraction(vitals: Vitals, weights_bytes: int) -> float:
    """How much of the weights came to memory: an estimate that never says done."""
    if weights_bytes <= 0:
        return 0.0
    return min(_ALMOST, max(vitals.resident_mib, vitals.read_mib) * _MIB / weights_bytes)


def failure_of(launch: Launch, keeper: Keeper) -> EngineError:
    """Why the engine ended before it was ready."""
    lines = keeper.log.lines()
    code = keeper.exit_code
    if code == -signal.SIGKILL and out_of_memory_kills() > launch.kills_before:
        return EngineOutOfMemory("the system ended the engine for want of memory while it loaded the model")
    cause = cause_of_failure(lines, f"the engine ({bundled_version()})" if launch.is_bundled else "the engine")
    if cause is not None:
        return cause
    if code == -signal.SIGILL:
        message = "the engine uses processor instructions that this machine does not have (SIGILL)"
    else:
        words = last_words(lines)
        message = f"the engine ended while it loaded the model ({_ending(code)})" + (f": {words}" if words else "")
    return EngineStartFailed(message, log_tail=keeper.log.text(), was_ended=code in _OTHERS_END_IT)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


async def wait_until_settled(keeper: Keeper, client: EngineClient, launch: Launch) -> None:
    """Return once the engine is ready or has ended. A binary does not say when: it is asked, ever more seldom."""
    if launch.is_bundled:
        await keeper.settled.wait()
        return
    pause_s = _FIRST_POLL_S
    while not keeper.settled.is_set() and not await client.is_ready():
        with anyio.move_on_after(pause_s):
            await keeper.settled.wait()
        pause_s = min(_SAMPLE_S, pause_s * 1.5)
