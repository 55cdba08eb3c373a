"""Which engine to use: the bundled library, or a `llama-server` binary that the user names or that is found."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tampu.errors import EngineStartFailed

BINARY_NAME: Final = "llama-server"


def find_engine(configured: str, environment: Mapping[str, str]) -> Path | None:
    """The binary to run; None for the bundled library. Raises EngineStartFailed where there is neither.

    A configured binary wins; one on the PATH only stands in for a library that is not installed.
    """
    if configured:
        return _configured(configured, environment)
    if importlib.util.find_spec("xllamacpp") is not None:
        return None
    found = shutil.which(BINARY_NAME, path=environment.get("PATH", os.defpath))
    if found is None:
        raise EngineStartFailed(
            "no engine is installed: install the package xllamacpp, or set TAMPU_LLAMA_SERVER to a llama-server binary"
        )
    return Path(found)


def _configured(name: str, environment: Mapping[str, str]) -> Path:
    found = shutil.which(Path(name).expanduser(), path=environment.get("PATH", os.defpath))
    if found is None:
        raise EngineStartFailed(f"TAMPU_LLAMA_SERVER names {name!r}, which is no program that can be run")
    return Path(found).absolute()
