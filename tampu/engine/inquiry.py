"""Asks a program about itself: runs it for what it prints, in a child that does not outlive the question.

A program that was put on a PATH may be anything: a script that hangs with children of its own, one that writes without
end, a file for another kind of processor. No loop's way of starting programs is left to guess what a file is, for some
hand what they do not know to a shell.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

_MOST_BYTES: Final = 1 << 20
_HEAD_BYTES: Final = 20
_ELF: Final = b"\x7fELF"
_KIND: Final = (slice(4, 6), slice(18, 20))
"""Where an ELF file says how wide its words are, in which order it writes them, and for which processors it is."""


async def ask_program(
    command: Sequence[str], environment: Mapping[str, str], *, patience_s: float, with_errors: bool = True
) -> tuple[int, str]:
    """How the program ended, and the beginning of what it wrote, on its second stream too if `with_errors`.

    Raises OSError where it cannot be started, TimeoutError where it does not end. Nothing that it started stays.
    """
    with anyio.CancelScope(shield=True):  # a started child must not get lost
        process = await anyio.open_process(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT if with_errors else subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    try:
        with anyio.fail_after(patience_s):
            said = await _beginning(process)
            code = await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            end_family(process.pid)
            await process.aclose()
    return code, said.decode("utf-8", "replace")


async def _beginning(process: anyio.abc.Process) -> bytes:
    """All is read, for a full pipe would hold the program; what is too much is not kept."""
    assert process.stdout is not None  # noqa: S101  # a pipe is what open_process makes
    said = b""
    async for piece in process.stdout:
        said += piece[: max(0, _MOST_BYTES - len(said))]
    return said


def end_family(pid: int) -> None:
    """Kill a program that leads a session of its own, and what it started there, also after its own end."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def ending_told(code: int) -> str:
    """How a program ended, in words."""
    if code >= 0:
        return f"it ends with status {code}"
    with suppress(ValueError):
        return f"it dies of {signal.Signals(-code).name}"
    return f"it dies of signal {-code}"


def misfit_of(program: Path) -> str:
    """Why a file cannot be a program of this machine, as far as its first bytes tell; "" for all else.

    One that may be run but not read is taken for one.
    """
    if sys.platform != "linux":
        return ""
    try:
        head, own = _head(program), _head(Path(sys.executable))
    except OSError:
        return ""
    if head.startswith(b"#!"):
        return ""
    if not head.startswith(_ELF):
        return "it is no program"
    is_foreign = len(head) < _HEAD_BYTES or any(head[place] != own[place] for place in _KIND)
    return "it was built for another kind of processor" if is_foreign else ""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
