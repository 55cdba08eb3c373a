"""Where words begin and end for the keys that jump over them: at blanks, as in Ollama, not at every sign."""

import re
from typing import Final

_END: Final = re.compile(r".[^ \n]*", re.DOTALL)


def word_start(text: str, place: int) -> int:
    """Where the word before `place` begins."""
    before = text[:place].rstrip(" \n")
    return max(before.rfind(" "), before.rfind("\n")) + 1


def word_end(text: str, place: int) -> int:
    """Where the next blank behind the character at `place` is."""
    found = _END.match(text, place)
    return found.end() if found else place
