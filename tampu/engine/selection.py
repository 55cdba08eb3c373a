"""Which engine was chosen, kept in a file beside the engines that were built."""

import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from tampu.wire import encode

_FILE: Final = "selected.json"


class Selection(msgspec.Struct, frozen=True):
    """The name of an engine, and the fingerprint of the processor on which it was tried."""

    engine: str
    machine: str


def read_selection(folder: Path) -> Selection | None:
    """What was chosen; None where nothing was, or the file is none of ours."""
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Selection)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_selection(folder: Path, selection: Selection) -> None:
    """Remember what is chosen: all of it or, where this fails, what was chosen before. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(folder / _FILE, encode(selection))


def replace_file(path: Path, content: bytes) -> None:
    """Put a whole file where nobody can see half of it; raises OSError."""
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
