"""The three streams of a process and what is known of them: terminals or not, how wide, with colours or without."""

import os
import re
from dataclasses import dataclass
from typing import Final, TextIO

from tampu.wire import encode

DEFAULT_WIDTH: Final = 80
DEFAULT_HEIGHT: Final = 24
GREY: Final = "\x1b[38;5;245m"
BOLD: Final = "\x1b[1m"
RESET: Final = "\x1b[0m"
SHOW_CURSOR: Final = "\x1b[?25h"
HIDE_CURSOR: Final = "\x1b[?25l"

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """`text` without control characters: what others wrote must not steer the terminal."""
    return _CONTROLS.sub("", text)


@dataclass(slots=True)
class Console:
    """The process's streams. `spun`: a spinner or bar was shown on `errors`; `complained`: text was written there."""

    input: TextIO
    output: TextIO
    errors: TextIO
    colour: bool = True
    spun: bool = False
    complained: bool = False

    def write(self, text: str) -> None:
        """Put `text` on standard output at once."""
        self.output.write(text)
        self.output.flush()

    def write_json(self, value: object) -> None:
        """Put `value` on standard output as a line of JSON."""
        self.show(f"{encode(value).decode()}\n")

    def show(self, text: str) -> None:
        """Put what others wrote on standard output: as it is in a pipe, harmless on a terminal."""
        self.write(self.harmless(text))

    def harmless(self, text: str) -> str:
        """What others wrote, for standard output: without control characters where that is a terminal."""
        return printable(text) if self.writes_terminal else text

    def tell(self, text: str) -> None:
        """Put `text` on standard error at once."""
        self.complained = self.complained or bool(text)
        self.errors.write(text)
        self.errors.flush()

    @property
    def reads_terminal(self) -> bool:
        """Whether a person types the input."""
        return self.input.isatty()

    @property
    def writes_terminal(self) -> bool:
        """Whether a person sees standard output."""
        return self.output.isatty()

    @property
    def tells_terminal(self) -> bool:
        """Whether a person sees standard error."""
        return self.errors.isatty()

    @property
    def width(self) -> int:
        """Columns of standard output; 80 where it is no terminal."""
        return _size(self.output).columns

    @property
    def height(self) -> int:
        """Lines of standard output; 24 where it is no terminal."""
        return _size(self.output).lines

    @property
    def errors_width(self) -> int:
        """Columns of standard error; 80 where it is no terminal."""
        return _size(self.errors).columns

    def greyed(self, text: str, *, bold: bool = False) -> str:
        """`text` in grey, where colours are wanted."""
        return f"{GREY}{BOLD if bold else ''}{text}{RESET}" if self.colour else text


def _size(stream: TextIO) -> os.terminal_size:
    """The size of a terminal; the usual one where it does not know its own, and for what is none."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    return os.terminal_size((columns or DEFAULT_WIDTH, lines or DEFAULT_HEIGHT))
