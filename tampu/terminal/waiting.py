"""The spinner before an answer, which can tell what takes so long. It leaves nothing on the screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tampu.client.answers import PromptRead
from tampu.terminal.console import Console
from tampu.terminal.progress import Progress, Spinner

LONG_PROMPT: Final = 512
"""Tokens still to be read from which on it takes long enough to tell."""


class Waiting:
    """A spinner, without words until there is something to tell."""

    def __init__(self, progress: Progress, spinner: Spinner) -> None:
        self._progress, self._spinner = progress, spinner

    def tell(self, message: str) -> None:
        """Show `message` in front of the spinner."""
        self._spinner.message = message

    def tell_reading(self, told: PromptRead) -> None:
        """Show how far the prompt is read, where it is long."""
        self.tell(reading_line(told))

    def clear(self) -> None:
        """Take the spinner off the screen."""
        self._progress.clear()


def reading_line(told: PromptRead) -> str:
    """What is said of a prompt that is being read; "" where that takes no time to speak of, or is over."""
    total, left = told.prompt_tokens, told.prompt_tokens - told.processed
    if left <= 0 or total - told.cached < LONG_PROMPT:
        return ""
    return f"reading the prompt {100 * told.processed // total}% of {total} tokens"


def progress_asked(console: Console) -> dict[str, bool]:
    """The part of a request that asks for reports on the prompt; nobody asks who could not show them."""
    return {"progress": True} if console.tells_terminal else {}


@contextmanager
def waiting(console: Console) -> Iterator[Waiting]:
    """A spinner, taken off the screen at the end, or before by `clear`."""
    with Progress(console) as progress:
        spinner = Spinner()
        progress.add(spinner)
        try:
            yield Waiting(progress, spinner)
        finally:
            progress.clear()
