"""Keys one by one, as they are pressed, for what is drawn on the whole terminal. Nothing is echoed meanwhile."""

import codecs
import os
import re
import select
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final, Protocol


class Key(Enum):
    """What is no character."""

    UP = auto()
    DOWN = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    FIRST = auto()
    LAST = auto()
    ENTER = auto()
    BACKSPACE = auto()
    CLEAR = auto()
    ESCAPE = auto()
    STOP = auto()
    """Ctrl-C, Ctrl-D, or nobody there any more."""
    RESIZED = auto()
    """No key: the terminal has another size."""
    OTHER = auto()
    """One that means nothing here."""


Pressed = Key | str
"""A key, or the character that it stands for."""

_ESCAPE_S: Final = 0.05
"""How long the rest of a sequence may take; the key Escape has none."""
_READ_BYTES: Final = 1024
_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|[^\[O])|\x1b|.", re.DOTALL)
_SEQUENCES: Final[Mapping[str, Key]] = {
    "\x1b[A": Key.UP,
    "\x1bOA": Key.UP,
    "\x10": Key.UP,
    "\x1b[B": Key.DOWN,
    "\x1bOB": Key.DOWN,
    "\x0e": Key.DOWN,
    "\x1b[5~": Key.PAGE_UP,
    "\x1b[6~": Key.PAGE_DOWN,
    "\x1b[H": Key.FIRST,
    "\x1b[1~": Key.FIRST,
    "\x1bOH": Key.FIRST,
    "\x1b[F": Key.LAST,
    "\x1b[4~": Key.LAST,
    "\x1bOF": Key.LAST,
    "\x1b[C": Key.ENTER,
    "\x1bOC": Key.ENTER,
    "\r": Key.ENTER,
    "\n": Key.ENTER,
    "\x7f": Key.BACKSPACE,
    "\x08": Key.BACKSPACE,
    "\x15": Key.CLEAR,
    "\x1b": Key.ESCAPE,
    "\x1b[D": Key.ESCAPE,
    "\x1bOD": Key.ESCAPE,
    "\x03": Key.STOP,
    "\x04": Key.STOP,
}


class Keyboard(Protocol):
    """Where keys come from."""

    def read(self) -> Pressed:
        """The next key; waits for it."""


def keys_in(text: str) -> list[Pressed]:
    """The keys that what a terminal sent stands for."""
    return [_key(part) for part in _SEQUENCE.findall(text)]


def _key(part: str) -> Pressed:
    if part in _SEQUENCES:
        return _SEQUENCES[part]
    return part if len(part) == 1 and part.isprintable() else Key.OTHER


class _Terminal:
    """The keys of a terminal in raw mode. `woken`: the end of a pipe that says that a signal came.

    Without it a signal that comes just before the wait for a key would be heard with the next key only.
    """

    def __init__(self, terminal: int, woken: int) -> None:
        self._terminal, self._woken = terminal, woken
        self._waiting: list[Pressed] = []
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> Pressed:
        while not self._waiting:
            ready, _, _ = select.select([self._terminal, self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, _READ_BYTES)
                # Signals that end something have been heard by now: this one only told of a new size.
                return Key.RESIZED
            self._waiting = self._arrived()
        return self._waiting.pop(0)

    def _arrived(self) -> list[Pressed]:
        data = os.read(self._terminal, _READ_BYTES)
        if not data:
            return [Key.STOP]
        # A slow line may bring a sequence in two parts; what is Escape alone stays alone.
        while data.endswith((b"\x1b", b"\x1b[", b"\x1bO")) and select.select([self._terminal], [], [], _ESCAPE_S)[0]:
            data += os.read(self._terminal, _READ_BYTES)
        return keys_in(self._text.decode(data))


class _WindowsConsole:
    """The keys of a console of Windows, which tells no change of its size."""

    _CODES: Final[Mapping[str, Key]] = {
        "M": Key.ENTER,
        "H": Key.UP,
        "P": Key.DOWN,
        "I": Key.PAGE_UP,
        "Q": Key.PAGE_DOWN,
        "G": Key.FIRST,
        "O": Key.LAST,
        "K": Key.ESCAPE,
    }

    def read(self) -> Pressed:
        import msvcrt  # noqa: PLC0415  # exists there only

        first: str = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]  # seen by mypy on Windows alone
        if first in "\x00\xe0":
            return self._CODES.get(msvcrt.getwch(), Key.OTHER)  # type: ignore[attr-defined,unused-ignore]  # as above
        return _key(first)


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """The keys of standard input. Ctrl-C is a key like others; the terminal is given back as it was."""
    if sys.platform == "win32":
        yield _WindowsConsole()
        return
    import termios  # noqa: PLC0415  # exists everywhere but on Windows

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    raw = termios.tcgetattr(terminal)
    raw[0] &= ~(termios.ICRNL | termios.IXON)
    raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    heard = signal.signal(signal.SIGWINCH, lambda *_: None)
    woken_before = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, raw)
        yield _Terminal(terminal, woken)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        signal.set_wakeup_fd(woken_before)
        signal.signal(signal.SIGWINCH, heard)
        os.close(woken)
        os.close(waker)
