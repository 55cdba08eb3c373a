"""Lets a person write the current message in an editor of their own."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tampu.errors import BadRequest

FALLBACK: Final = "edit" if sys.platform == "win32" else "vi"


def editor_words(*wishes: str) -> Sequence[str]:
    """The command of the first wish that says something, in words; raises BadRequest where it is not installed."""
    wish = next((wish for wish in wishes if wish.strip()), FALLBACK)
    try:
        words = shlex.split(wish, posix=sys.platform != "win32")
    except ValueError:
        words = wish.split()
    if shutil.which(words[0]) is None:
        raise BadRequest(f'editor "{words[0]}" not found, set OLLAMA_EDITOR to the path of your preferred editor')
    return words


def edited(text: str, words: Sequence[str]) -> str:
    """`text` as the person leaves it, without newlines at the end; raises BadRequest where the editor fails."""
    descriptor, name = tempfile.mkstemp(prefix="ollama-prompt-", suffix=".txt")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        with _deaf_to_interrupts():
            done = subprocess.run([*words, name], check=False)
        if done.returncode != 0:
            raise BadRequest(f"editor exited with error: exit status {done.returncode}")
        return path.read_text("utf-8", "replace").rstrip("\r\n")
    except OSError as error:
        raise BadRequest(f"editor exited with error: {error.strerror or error}") from None
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C is the editor's alone, though the terminal sends it to both."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
