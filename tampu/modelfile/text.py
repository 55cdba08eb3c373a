"""Which characters of a Modelfile count: what is trimmed, what is dropped, how quotes at line ends are kept.

A quoted text ends at the first line that ends with its quotes, so a text with such a line inside could not be written.
A WORD JOINER (U+2060) behind the quotes says that the line does not end the text: the writer adds one, the parser takes
it away. No other program gives it a meaning.
"""

import re
from typing import Final

JOINER: Final = "\u2060"
QUOTE: Final = '"'
FENCE: Final = '"""'

# Controls other than tab and line ends never belong to a text.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE = re.compile(r"[^\r\n]+")


def is_edge(character: str) -> bool:
    """Whether it is trimmed from the ends of a value: blanks and whatever does not print."""
    return (character == " " or not character.isprintable()) and character != JOINER


def trim(text: str) -> str:
    """`text` without edge characters at both ends."""
    start, end = 0, len(text)
    while start < end and is_edge(text[start]):
        start += 1
    while start < end and is_edge(text[end - 1]):
        end -= 1
    return text[start:end]


def printable(text: str) -> str:
    """Only what prints: for words of the grammar itself."""
    return "".join(character for character in text if character.isprintable())


def without_controls(text: str) -> str:
    """Without control characters: all else may mean something in a text or a path, joiners and wide blanks too."""
    return _CONTROLS.sub("", text)


def guard_fences(text: str) -> str:
    """Mark every line of `text`, except the last one, that would end a fenced value."""
    return _LINE.sub(_guard, text)


def unguard_fences(text: str) -> str:
    """Undo `guard_fences`."""
    return _LINE.sub(_unguard, text)


def _guard(line: re.Match[str]) -> str:
    is_last = line.end() == len(line.string)
    return line[0] + JOINER if _ends_with_fence(line[0]) and not is_last else line[0]


def _unguard(line: re.Match[str]) -> str:
    is_last = line.end() == len(line.string)
    is_guarded = line[0].endswith(JOINER) and _ends_with_fence(line[0])
    return line[0][:-1] if is_guarded and not is_last else line[0]


def _ends_with_fence(line: str) -> bool:
    end = len(line)
    while end and (line[end - 1] == JOINER or is_edge(line[end - 1])):
        end -= 1
    return line[:end].endswith(FENCE)
