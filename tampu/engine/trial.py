"""Tries an engine in a throw-away child: a build for another processor dies of its first strange instruction."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

TRIAL_S: Final = 30.0
_INTRODUCE: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; import xllamacpp; print('xllamacpp', xllamacpp.__version__)"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What the engine said of itself, or why it does not run here ("" if it does)."""

    version: str
    problem: str = ""


async def try_engine(binary: Path | None, environment: Mapping[str, str]) -> Trial:
    """Start a `llama-server` binary, or the bundled library (None), so far that it tells its version."""
    command = [sys.executable, "-P", "-c", _INTRODUCE, *sys.path] if binary is None else [str(binary), "--version"]
    try:
        with anyio.fail_after(TRIAL_S):
            done = await anyio.run_process(
                command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False
            )
    except TimeoutError:
        return Trial("", f"it says nothing for {TRIAL_S:.0f} s")
    except OSError as error:
        return Trial("", error.strerror or str(error))
    words = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode == 0:
        return Trial(_version(words))
    if done.returncode == -signal.SIGILL:
        return Trial("", "it was built for another processor (SIGILL)")
    return Trial("", (words.splitlines() or [f"it ends with status {done.returncode}"])[-1])


def _version(words: str) -> str:
    """The line that speaks of a version; binaries may say more."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return next((line for line in lines if "version" in line.lower()), lines[0] if lines else "version unknown")
