"""Word wrap of text that comes in pieces: a word that does not fit is taken back and written on the next line.

Bytes are those of Ollama, in pipes too, but for one thing: a word longer than the line is written once, and the
terminal breaks it (Ollama writes it twice, damaged).
"""

from typing import Final

from wcwidth import wcwidth

MARGIN: Final = 5
MIN_WIDTH: Final = 10
FIRST_FLAG_LETTER: Final = "\U0001f1e6"
LAST_FLAG_LETTER: Final = "\U0001f1ff"
EMOJI_STYLE: Final = "\ufe0f"
"""Makes the narrow sign before it a wide one."""


class WordWrap:
    """Invariant: `column` is where the cursor stands, `word` what stands before it since the last blank.

    `width` may follow that of the screen between two pieces.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._column = 0
        self._word = ""
        self._word_cells = 0

    def feed(self, text: str) -> str:
        """`text` with the codes that keep its words whole."""
        if self.width < MIN_WIDTH:
            return text
        return "".join(map(self._put, text))

    def _put(self, character: str) -> str:
        cells = _cells(character)
        written = character
        if self._column + 1 > self.width - MARGIN and self._word_cells <= self.width - 2 * MARGIN:
            back = f"\x1b[{self._word_cells}D" if self._word_cells else ""
            written = f"{back}\x1b[K\n{self._word}{character}"
            self._column = self._word_cells
        self._column += cells
        if self._column > self.width:
            # Only a word longer than the line gets here; the terminal has moved it on.
            self._column -= self.width
        self._keep(character, cells)
        return written

    def _keep(self, character: str, cells: int) -> None:
        if character in "\n\r":
            self._column = 0
        if character in " \t\n\r" or cells >= 2:
            self._word, self._word_cells = "", 0
        else:
            self._word += character
            self._word_cells += cells


def _cells(character: str) -> int:
    """Columns of one character. Two letters make a flag two columns wide, and each is one of them."""
    if character == EMOJI_STYLE or FIRST_FLAG_LETTER <= character <= LAST_FLAG_LETTER:
        return 1
    return max(0, wcwidth(character))
