"""The engine that is used and what it can be told: a binary is run once for its help page, and not while unchanged."""

import importlib.metadata
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from tampu.config import Settings
from tampu.engine.binary import find_engine
from tampu.engine.flags import COMMON, Abilities, abilities_told
from tampu.engine.inquiry import end_family

_PATIENCE_S: Final = 5.0
_FEWEST: Final = 20
"""A page with fewer flags is no help page."""


@dataclass(frozen=True, slots=True)
class Program:
    """What an engine's process runs. `binary` and `abilities`: None for the bundled library, which can do it all.

    `identity` changes whenever what is run does.
    """

    binary: Path | None
    abilities: Abilities | None
    identity: str

    @property
    def is_unified(self) -> bool:
        """Whether its slots can share one cache and still have a limit of their own."""
        return self.abilities is None or self.abilities.is_unified

    @property
    def keeps_slots(self) -> bool:
        """Whether it can write the state of a slot to a file."""
        return self.abilities is None or self.abilities.keeps_slots

    @property
    def guesses(self) -> bool:
        """Whether it can guess ahead."""
        return self.abilities is None or self.abilities.guesses


def program_of(settings: Settings, environment: Mapping[str, str]) -> Program:
    """The program that is used; raises EngineStartFailed where there is none. May run it: call it in a thread."""
    binary = find_engine(settings, environment).engine.binary
    if binary is None:
        return Program(None, None, _bundled_version())
    try:
        status = binary.stat()
        identity = f"{binary} {status.st_size} {status.st_mtime_ns}"
    except OSError:
        identity = str(binary)
    return Program(binary, abilities_of(binary, environment), identity)


def _bundled_version() -> str:
    try:
        return importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def abilities_of(binary: Path, environment: Mapping[str, str]) -> Abilities:
    """What the binary can do; `COMMON` for one that does not tell. Runs a program: call it in a thread."""
    try:
        status = binary.stat()
    except OSError:
        return COMMON
    return _asked(str(binary), status.st_size, status.st_mtime_ns, tuple(environment.items()))


@lru_cache(maxsize=16)
def _asked(binary: str, size: int, mtime_ns: int, environment: tuple[tuple[str, str], ...]) -> Abilities:  # noqa: ARG001  # size and time are what the answer is remembered by
    try:
        code, told = _told([binary, "--help"], dict(environment))
    except (OSError, subprocess.SubprocessError):
        return COMMON
    abilities = abilities_told(told)
    return abilities if len(abilities.flags) >= _FEWEST and code == 0 else COMMON


def _told(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """How it ended and what it wrote; raises TimeoutExpired, and nothing that it started stays."""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as program:
        try:
            told, _ = program.communicate(timeout=_PATIENCE_S)
        finally:
            end_family(program.pid)
    return program.returncode, told.decode("utf-8", "replace")
