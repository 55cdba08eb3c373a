"""Where an object or a list ends in JSON, or nearly JSON, that comes in pieces."""

import re

_OUTSIDE = re.compile(r"[{\[\]]")
_INSIDE = re.compile(r'[{}\[\]"]')
_IN_TEXT = re.compile(r'["\\]')


class Brackets:
    """Follows the brackets of a text that comes in pieces; quotes count inside braces only."""

    def __init__(self) -> None:
        self.braces = self.squares = 0
        self._in_text = self._is_escaped = False

    @property
    def is_in_object(self) -> bool:
        return self.braces > 0

    def find_end(self, text: str, position: int) -> tuple[int | None, bool]:
        """Behind the next place where an object or a list ends, and whether it is an object; None: not in this text."""
        while position < len(text):
            if self._is_escaped:
                self._is_escaped = False
                position += 1
                continue
            pattern = _IN_TEXT if self._in_text else _INSIDE if self.braces else _OUTSIDE
            match = pattern.search(text, position)
            if match is None:
                return None, False
            position = match.end()
            if self._step(match.group()):
                return position, match.group() == "}"
        return None, False

    def _step(self, sign: str) -> bool:
        """Take one sign; True where a brace closes an object, or a square bracket outside of objects a list."""
        match sign:
            case "\\":
                self._is_escaped = True
            case '"':
                self._in_text = not self._in_text
            case "{":
                self.braces += 1
            case "}":
                self.braces -= 1
                return not self.braces
            case "[":
                self.squares += 1
            case _:
                self.squares -= 1
                return not self.braces
        return False
