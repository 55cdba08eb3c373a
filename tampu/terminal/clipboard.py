"""Puts text on the clipboard: by the terminal itself, which also works over ssh, and by the desktop's own program."""

import base64
import shutil
import subprocess
from typing import Final

from tampu.terminal.console import Console

_PROGRAMS: Final = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("clip.exe",),
)
_PATIENCE_S: Final = 2.0
MOST_BY_TERMINAL: Final = 74_000
"""Bytes beyond which terminals ignore the sequence."""


def copy_text(console: Console, text: str) -> bool:
    """Whether somebody was there to take `text`. That a terminal heeded the sequence cannot be known."""
    return any((_by_terminal(console, text), _by_program(text)))


def _by_terminal(console: Console, text: str) -> bool:
    data = text.encode()
    if not console.writes_terminal or len(data) > MOST_BY_TERMINAL:
        return False
    console.write(f"\x1b]52;c;{base64.b64encode(data).decode()}\x07")
    return True


def _by_program(text: str) -> bool:
    """Try the programs that are installed until one takes it; without a desktop they fail, or wait for one."""
    for program, *options in _PROGRAMS:
        path = shutil.which(program)
        if path is None:
            continue
        try:
            done = subprocess.run(
                [path, *options],
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return True
    return False
