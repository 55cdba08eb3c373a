"""Writes a settings file whole or not at all, with the rights and the owner that it had."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tampu.config.file import read_text
from tampu.config.folder import alone_in
from tampu.errors import ConfigError

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OWNER_ONLY: Final = 0o600


def change_file(path: Path, change: Callable[[str], str]) -> None:
    """Put `change` of the text of the file at `path` (empty where there is none) in its place.

    Two at once wait for each other. Raises ConfigError where the file cannot be read or written, and what `change`
    raises.
    """
    try:
        # A link is followed: people keep such files elsewhere and link to them.
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(target.parent):
            _change(target, change)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path} cannot be written: {why.lower()}; nothing was changed") from None


def _change(target: Path, change: Callable[[str], str]) -> None:
    exists = target.exists()
    text = read_text(target) if exists else ""
    mark = _BYTE_ORDER_MARK if exists and target.read_bytes().startswith(_BYTE_ORDER_MARK) else b""
    data = mark + change(text).encode()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # as mkstemp gave it
            file.write(data)
            file.flush()
            _take_rights(name, target if exists else None)
            os.fsync(descriptor)
        os.replace(name, target)  # noqa: PTH105  # as above
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108  # as above
        raise


def _take_rights(name: str, target: Path | None) -> None:
    """Those of the file that is replaced; a new one is its owner's alone, for it may come to hold keys."""
    if target is None:
        os.chmod(name, _OWNER_ONLY)  # noqa: PTH101  # as mkstemp gave it
        return
    status = target.stat()
    os.chmod(name, status.st_mode & 0o7777)  # noqa: PTH101  # as above
    if hasattr(os, "chown"):
        with suppress(OSError):  # only root may give files away
            os.chown(name, status.st_uid, status.st_gid)
