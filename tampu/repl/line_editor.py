"""Reads what a person types: prompt, placeholder, keys, blocks of several lines, history."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.layout.processors import Processor, TabsProcessor, Transformation, TransformationInput
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from tampu.repl.history import add_lines, load_lines
from tampu.repl.keys import TAB_COLUMNS, bindings, terminal_input

PROMPT: Final = ">>> "
CONTINUATION: Final = "... "
PLACEHOLDER: Final = "Send a message (/? for help)"
NEXT_LINE: Final = "Press Enter to send"
_GREY: Final = "fg:#8a8a8a"
_PLAIN_AFTERWARDS: Final = Style([("aborting", "fg:default"), ("exiting", "fg:default")])
"""What was typed keeps its colour when a key ends the line."""


class LineEditor:
    """One message after another. `keeps_history` False: what is typed is remembered, but not written to the file.

    `edit` lets the person change a text in an editor of their own.
    """

    def __init__(
        self, history_file: Path, *, keeps_history: bool, coloured: bool, edit: Callable[[str], str] = lambda text: text
    ) -> None:
        self.keeps_history = keeps_history
        self._file = history_file
        self._unsaved: list[str] = []
        self._style = _GREY if coloured else ""
        self._prompt_style = ""
        self._history = InMemoryHistory()
        for line in load_lines(history_file):
            self._history.append_string(line)
        next_line = _NextLine(self._style)
        self._prompts: PromptSession[str] = PromptSession(
            message=lambda: [(self._prompt_style, PROMPT)],
            multiline=True,
            prompt_continuation=CONTINUATION,
            placeholder=self._placeholder,
            history=self._history,
            key_bindings=bindings(edit, next_line.note_paste),
            input_processors=[TabsProcessor(TAB_COLUMNS, char1=" ", char2=" ", style=""), next_line],
            style=_PLAIN_AFTERWARDS,
            enable_open_in_editor=False,
            enable_suspend=True,
            reserve_space_for_menu=0,
            input=terminal_input(),
            output=_output(coloured=coloured),
        )

    def read(self, *, greyed: bool = False) -> str:
        """The next message, behind a prompt that may be grey.

        Raises KeyboardInterrupt for Ctrl-C and EOFError for Ctrl-D on an empty line.
        """
        self._prompt_style = self._style if greyed else ""
        known = len(self._history.get_strings())
        text: str = self._prompts.prompt()
        if text and len(self._history.get_strings()) == known:
            # The library leaves out a line that was typed twice; the arrow up is pressed as often as it was.
            self._history.append_string(text)
        if text.strip():
            self._unsaved.append(text)
            if self.keeps_history:
                add_lines(self._file, self._unsaved)
                self._unsaved.clear()
        return text

    def _placeholder(self) -> StyleAndTextTuples:
        # What stays on the screen after Enter is what was typed; a search shows what it found in this place.
        app = get_app()
        return [] if app.is_done or app.layout.is_searching else [(self._style, _fitting(PLACEHOLDER))]


def _fitting(told: str) -> str:
    """What of a placeholder stands on one row, behind the prompt and before the cell that the cursor may need."""
    return told[: max(0, get_app().output.get_size().columns - len(PROMPT) - 1)]


class _NextLine(Processor):
    """Says on an empty last line what Enter does. Behind a paste that is what it says at the start, as in Ollama."""

    def __init__(self, style: str) -> None:
        self._style = style
        self._pasted = ""

    def note_paste(self, text: str) -> None:
        """Keep the text as it is after a paste."""
        self._pasted = text

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments, document = transformation_input.fragments, transformation_input.document
        last = document.line_count - 1
        is_empty_end = 0 < transformation_input.lineno == last == document.cursor_position_row
        if is_empty_end and not document.lines[last] and not get_app().is_done:
            told = PLACEHOLDER if document.text == self._pasted else NEXT_LINE
            return Transformation([*fragments, (self._style, _fitting(told))])
        return Transformation(fragments)


def _output(*, coloured: bool) -> Output | None:
    """The terminal, never asked where its cursor is: many do not answer, and the answer would look typed."""
    if sys.platform == "win32":
        return None
    depth = ColorDepth.DEPTH_8_BIT if coloured else ColorDepth.MONOCHROME
    return Vt100_Output(sys.stdout, _size, default_color_depth=depth, enable_cpr=False)


def _size() -> Size:
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that does not know its size says 0.
    return Size(rows=rows or 24, columns=columns or 80)
