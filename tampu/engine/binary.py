"""Which engine to use: the bundled library, or a `llama-server` binary that was built, is named, or is found.

The rules:
1. What the setting names is used, and nothing else: a path, a program on the PATH, or the name of an engine here.
2. Then the one that was chosen (`selection.py`), as long as the processor is the one that it was tried on.
3. Then the bundled library; where it is not installed, a binary on the PATH; then one that was built here.
"""

import importlib.util
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from tampu.config import Settings
from tampu.engine.selection import Selection, read_selection
from tampu.errors import EngineStartFailed
from tampu.hardware.processor import processor

BINARY_NAME: Final = "llama-server"
BUNDLED: Final = "bundled"
ON_PATH: Final = "path"
RESERVED_NAMES: Final = frozenset({BUNDLED, ON_PATH, "setting"})


class Origin(Enum):
    """Where an engine comes from. The values are words for people."""

    SETTING = "TAMPU_LLAMA_SERVER"
    BUNDLED = "bundled"
    PATH = "on the PATH"
    BUILT = "built here"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that there is. `binary`: None for the bundled library."""

    name: str
    origin: Origin
    binary: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that is used, and why, in words."""

    engine: Candidate
    why: str


def engines_folder(settings: Settings) -> Path:
    """Where engines that were built lie, each in a folder of its name, and what was chosen."""
    return settings.home / "engines"


def candidates(settings: Settings, environment: Mapping[str, str]) -> list[Candidate]:
    """All engines that there are, in the order in which they are used by default; none of them is tried."""
    found = []
    if importlib.util.find_spec("xllamacpp") is not None:
        found.append(Candidate(BUNDLED, Origin.BUNDLED))
    if on_path := shutil.which(BINARY_NAME, path=environment.get("PATH", os.defpath)):
        found.append(Candidate(ON_PATH, Origin.PATH, Path(on_path).absolute()))
    for binary in sorted(engines_folder(settings).glob(f"[!.]*/{BINARY_NAME}")):
        if os.access(binary, os.X_OK):
            found.append(Candidate(binary.parent.name, Origin.BUILT, binary))
    if settings.llama_server and all(settings.llama_server != each.name for each in found):
        found.insert(0, Candidate("setting", Origin.SETTING, _configured(settings.llama_server, environment)))
    return found


def find_engine(settings: Settings, environment: Mapping[str, str]) -> Choice:
    """The engine to use; raises EngineStartFailed where there is none, or none of the name that the setting says."""
    found = candidates(settings, environment)
    return choose(found, settings.llama_server, read_selection(engines_folder(settings)), processor().fingerprint)


def choose(found: Sequence[Candidate], setting: str, selection: Selection | None, machine: str) -> Choice:
    """Which of those found is used. Pure. `machine`: the fingerprint of the processor."""
    by_name = {each.name: each for each in found}
    if setting:
        return Choice(by_name.get(setting) or by_name["setting"], "TAMPU_LLAMA_SERVER names it")
    if not found:
        raise EngineStartFailed(
            "no engine is installed: install the package xllamacpp, or set TAMPU_LLAMA_SERVER to a llama-server binary"
        )
    if selection is None:
        return Choice(found[0], "it is the default")
    chosen = by_name.get(selection.engine)
    if chosen is None:
        return Choice(found[0], f"{selection.engine}, which was chosen, is gone")
    if selection.machine != machine:
        return Choice(found[0], f"{selection.engine} was chosen on another processor; choose it again to try it here")
    return Choice(chosen, "it was chosen with 'engine use'")


def _configured(name: str, environment: Mapping[str, str]) -> Path:
    found = shutil.which(Path(name).expanduser(), path=environment.get("PATH", os.defpath))
    if found is None:
        raise EngineStartFailed(f"TAMPU_LLAMA_SERVER names {name!r}, which is no program that can be run")
    return Path(found).absolute()
