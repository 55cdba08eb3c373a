"""Watches, through Python's own audit events, whom this process calls and which files it opens to write."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Watch:
    """What was seen: addresses dialled (host and port, or the path of a local socket), names looked up, files."""

    dialled: set[Any] = field(default_factory=set)
    looked_up: set[str] = field(default_factory=set)
    written: set[Path] = field(default_factory=set)
    read: set[Path] = field(default_factory=set)

    def see(self, event: str, details: tuple[Any, ...]) -> None:
        match event, details:
            case "socket.connect", (_, address):
                self.dialled.add(address[:2] if isinstance(address, tuple) else address)
            case "socket.getaddrinfo", (host, *_):
                self.looked_up.add(host.decode() if isinstance(host, bytes) else str(host))
            case "open", (str() | bytes() as path, _, int() as flags):
                (self.written if flags & _WRITES else self.read).add(Path(os.fsdecode(path)).absolute())


_watches: list[Watch] = []
_is_hooked = False


def _hook(event: str, details: tuple[Any, ...]) -> None:
    for watch in _watches:
        watch.see(event, details)


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch what happens inside the block. The hook cannot be taken out again; without a watch it does nothing."""
    global _is_hooked  # noqa: PLW0603  # the interpreter keeps a hook for ever, so there is one for the process
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked = True
    watch = Watch()
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)
