"""What the keys of the session do beyond those of every line editor."""

import sys
from collections.abc import Callable, Sequence
from typing import Final, TextIO

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys

from tampu.repl.blocks import is_open
from tampu.repl.words import word_end, word_start

TAB_COLUMNS: Final = 8
_IN_MESSAGE: Final = has_focus(DEFAULT_BUFFER)
"""While the history is searched, keys are the search's."""


def bindings(edit: Callable[[str], str], on_paste: Callable[[str], None]) -> KeyBindings:
    """The table. `edit` lets the person change a text in an editor, or says why not and leaves it as it is.

    `on_paste` is told the whole text after a paste.
    """
    keys = KeyBindings()
    _add_writing(keys, on_paste)
    _add_words(keys)
    _add_deleting(keys)

    @keys.add("c-g", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer

        def change() -> None:
            if (text := edit(buffer.text)).strip():
                buffer.text = text
                buffer.cursor_position = len(text)

        event.app.create_background_task(_in_terminal(change))

    return keys


def _add_writing(keys: KeyBindings, on_paste: Callable[[str], None]) -> None:
    @keys.add("enter", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("c-j", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("tab", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(" " * TAB_COLUMNS)

    @keys.add(Keys.BracketedPaste, filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(event.data.replace("\r\n", "\n").replace("\r", "\n"))
        on_paste(event.current_buffer.text)


def _add_words(keys: KeyBindings) -> None:
    @keys.add("escape", "b", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        buffer.cursor_position = word_start(buffer.text, buffer.cursor_position)

    @keys.add("escape", "f", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        buffer.cursor_position = word_end(buffer.text, buffer.cursor_position)

    @keys.add("c-w", filter=_IN_MESSAGE)
    @keys.add("escape", "backspace", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        _take_before(event, buffer.cursor_position - word_start(buffer.text, buffer.cursor_position))


def _add_deleting(keys: KeyBindings) -> None:
    @keys.add("c-u", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        # At the beginning of a line the library would delete the newline before it.
        _take_before(event, len(event.current_buffer.document.current_line_before_cursor))

    @keys.add("c-d", filter=_IN_MESSAGE)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.is_cursor_at_the_end and not buffer.document.current_line:
            event.app.exit(exception=EOFError, style="class:exiting")
        else:
            buffer.delete()


def _take_before(event: KeyPressEvent, count: int) -> None:
    """Cut so many characters before the cursor, for Ctrl-Y."""
    if count:
        event.app.clipboard.set_text(event.current_buffer.delete_before_cursor(count))


async def _in_terminal(change: Callable[[], None]) -> None:
    await run_in_terminal(change)


def with_bursts(keys: Sequence[KeyPress]) -> list[KeyPress]:
    """What one read brought. A newline among other keys is Enter: a line typed ahead, or a program that writes lines.

    Alone it is Ctrl-J, which a person pressed for a line more.
    """
    if len(keys) < 2:
        return list(keys)
    return [KeyPress(Keys.ControlM, "\r") if key.key == Keys.ControlJ else key for key in keys]


def terminal_input() -> Input | None:
    """Standard input, its keys by `with_bursts`, U+FFFD for bytes that are no text; None: as the library opens it."""
    if sys.platform == "win32":
        return None
    from prompt_toolkit.input.posix_utils import PosixStdinReader  # noqa: PLC0415  # exists everywhere but there
    from prompt_toolkit.input.vt100 import Vt100Input  # noqa: PLC0415  # as above

    class _Bursts(Vt100Input):
        def __init__(self, stdin: TextIO) -> None:
            super().__init__(stdin)
            # The library's own keeps such bytes as halves of characters, which no request or file can hold.
            self.stdin_reader = PosixStdinReader(self.fileno(), errors="replace", encoding=stdin.encoding)

        def read_keys(self) -> list[KeyPress]:
            return with_bursts(super().read_keys())

    return _Bursts(sys.stdin)
