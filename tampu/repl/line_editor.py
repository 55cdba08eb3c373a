"""Reads what a person types: prompt, placeholder, keys, blocks of several lines, history."""

import os
import sys
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output

from tampu.repl.blocks import is_open
from tampu.repl.history import load_lines, save_lines

PROMPT: Final = ">>> "
CONTINUATION: Final = "... "
PLACEHOLDER: Final = "Send a message (/? for help)"
_GREY: Final = "fg:#8a8a8a"
_TAB: Final = " " * 8


class LineEditor:
    """One message after another. `keeps_history` False: what is typed is remembered, but not written to the file."""

    def __init__(self, history_file: Path, *, keeps_history: bool, coloured: bool) -> None:
        self.keeps_history = keeps_history
        self._file = history_file
        self._lines = load_lines(history_file)
        self._style = _GREY if coloured else ""
        self._prompts: PromptSession[str] = PromptSession(
            message=PROMPT,
            multiline=True,
            prompt_continuation=CONTINUATION,
            placeholder=self._placeholder,
            history=InMemoryHistory(self._lines),
            key_bindings=_bindings(),
            enable_open_in_editor=False,
            reserve_space_for_menu=0,
            output=_output(),
        )

    def read(self) -> str:
        """The next message; raises KeyboardInterrupt for Ctrl-C and EOFError for Ctrl-D on an empty line."""
        text: str = self._prompts.prompt()
        if text.strip():
            self._lines.append(text)
            if self.keeps_history:
                save_lines(self._file, self._lines)
        return text

    def _placeholder(self) -> StyleAndTextTuples:
        # What stays on the screen after Enter is what was typed.
        return [] if get_app().is_done else [(self._style, PLACEHOLDER)]


def _bindings() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("c-j")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("tab")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(_TAB)

    @keys.add("c-g")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.open_in_editor(validate_and_handle=False)

    return keys


def _output() -> Output | None:
    """The terminal, never asked where its cursor is: many do not answer, and the answer would look typed."""
    if sys.platform == "win32":
        return None
    return Vt100_Output(sys.stdout, _size, default_color_depth=ColorDepth.DEPTH_8_BIT, enable_cpr=False)


def _size() -> Size:
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that does not know its size says 0.
    return Size(rows=rows or 24, columns=columns or 80)
