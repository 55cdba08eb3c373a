"""A place in a text that only moves forward: what every reader of a notation does with it. Takes linear time."""

import re
from typing import Final

from tampu.parsing.formats.machine import MalformedCall

BLANKS: Final = re.compile(r"\s*")
SEPARATORS: Final = re.compile(r"[\s,]*")
QUOTED: Final = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
"""By quotation mark: what needs no second look up to the next one."""


class Scanner:
    """`text` and the `position` up to which it has been read."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0

    @property
    def is_at_end(self) -> bool:
        """Whether all has been read."""
        return self.position >= len(self.text)

    def peek(self) -> str:
        """The next character; "" at the end."""
        return self.text[self.position : self.position + 1]

    def starts_with(self, text: str) -> bool:
        """Whether this comes next."""
        return self.text.startswith(text, self.position)

    def take(self, pattern: re.Pattern[str]) -> str:
        """Read what a pattern matches here; "" where it does not match."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group()

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Read and forget what a pattern matches here."""
        self.take(pattern)

    def ends(self, bracket: str, *, may_be_cut: bool = False) -> bool:
        """Whether a list or an object ends here, behind separators; its closing bracket is read.

        Raises MalformedCall at the end of the text, unless the bracket `may_be_cut`.
        """
        self.skip(SEPARATORS)
        if self.peek() == bracket:
            self.position += 1
            return True
        if not self.is_at_end:
            return False
        if not may_be_cut:
            raise MalformedCall("a bracket in it has no end")
        return True

    def quoted(self) -> str:
        """Read a text between quotation marks, the first of which comes next; escapes stay as they are written.

        Raises MalformedCall for one without an end.
        """
        quote, start = self.peek(), self.position + 1
        self.position = start
        while True:
            self.skip(QUOTED[quote])
            if self.is_at_end:
                raise MalformedCall("a text in it has no end")
            if self.peek() == quote:
                self.position += 1
                return self.text[start : self.position - 1]
            self.position += 2  # a backslash and what it stands before
