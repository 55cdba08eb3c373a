"""Prints an answer as it comes: thinking between its markers, wrapped text, calls of tools that nobody offered."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tampu.client.answers import Piece, PromptRead
from tampu.messages import ToolCall
from tampu.terminal.console import BOLD, GREY, HIDE_CURSOR, RESET, SHOW_CURSOR, Console
from tampu.terminal.wrap import WordWrap

_ESCAPED: Final = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})
"""Signs that JSON leaves alone and Go does not."""


class AnswerPrinter:
    """One answer on standard output. Invariant: the closing marker of thinking comes once, before anything else."""

    def __init__(self, console: Console, *, wrap: bool, show_thinking: bool, greyed: bool) -> None:
        self._console = console
        self._show_thinking, self._greyed = show_thinking, greyed
        self._wraps = wrap
        self._thinking_wrap, self._text_wrap = WordWrap(0), WordWrap(0)
        self._is_thinking = False
        self._ends_in_newline = False
        self.has_written = False
        self._texts: list[str] = []
        self._thoughts: list[str] = []

    @property
    def text(self) -> str:
        """What the model has said so far."""
        return "".join(self._texts)

    @property
    def thinking(self) -> str:
        """What the model has thought so far, shown or not."""
        return "".join(self._thoughts)

    @property
    def is_thinking(self) -> bool:
        """Whether thoughts are what was shown last: no answer has followed them."""
        return self._is_thinking

    def would_show(self, piece: Piece) -> bool:
        """Whether `piece` puts anything on the screen."""
        message = piece.message
        shows_thinking = self._show_thinking and bool(piece.thinking or message.thinking)
        return shows_thinking or bool(piece.response or message.content or piece.tool_calls or message.tool_calls)

    def show(self, piece: Piece) -> None:
        """Print what `piece` adds, in one write, on a screen that may have another size than before."""
        self._thinking_wrap.width = self._text_wrap.width = self._console.width if self._wraps else 0
        message = piece.message
        thought = piece.thinking or message.thinking
        out = self._thinking(thought)
        text, calls = piece.response or message.content, piece.tool_calls or message.tool_calls
        self._thoughts.append(thought)
        self._texts.append(text)
        if text or calls:
            out += self._end_of_thinking()
        out += self._text_wrap.feed(self._console.harmless(text))
        if calls:
            out += "\n".join(map(self._call, calls))
        if out:
            self.has_written = True
            # The cursor would be seen to jump where a word is taken back.
            self._console.write(f"{HIDE_CURSOR}{out}{SHOW_CURSOR}" if self._console.writes_terminal else out)

    def leave_line(self) -> None:
        """What follows an answer that was cut begins a line of its own, where a person reads both."""
        if self.has_written and self._console.writes_terminal:
            self._console.write("\n")

    def _thinking(self, text: str) -> str:
        if not text or not self._show_thinking:
            return ""
        opening = "" if self._is_thinking else self._marker("Thinking...\n")
        self._is_thinking = True
        self._ends_in_newline = text.endswith("\n")
        wrapped = self._thinking_wrap.feed(self._console.harmless(text))
        return opening + (f"{GREY}{wrapped}{RESET}" if self._greyed else wrapped)

    def _end_of_thinking(self) -> str:
        if not self._is_thinking:
            return ""
        self._is_thinking = False
        return ("" if self._ends_in_newline else "\n") + self._marker("...done thinking.\n\n")

    def _marker(self, text: str) -> str:
        return f"{GREY}{BOLD}{text}{RESET}" if self._greyed else text

    def _call(self, call: ToolCall) -> str:
        arguments = msgspec.json.encode(call.function.arguments).decode().translate(_ESCAPED)
        return (
            self._marker("  Model called a non-existent function '")
            + self._console.harmless(call.function.name)
            + self._marker("()' with arguments: ")
            + self._console.harmless(arguments)
        )


def show_answer(
    pieces: Iterable[Piece],
    printer: AnswerPrinter,
    *,
    before: Callable[[], None],
    on_reading: Callable[[PromptRead], None] = lambda _: None,
) -> Piece:
    """Print an answer to its end; its last piece.

    `before` is called once, before the first thing that shows; `on_reading` for each report on the prompt.
    """
    is_first, last = True, Piece()
    for last in pieces:
        if last.progress is not None:
            on_reading(last.progress)
        if is_first and printer.would_show(last):
            is_first = False
            before()
        printer.show(last)
    return last
