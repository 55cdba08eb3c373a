"""A text that must not show: it prints masked and compares in constant time."""

import hmac


class Secret:
    """A key or token. `reveal` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for whoever must send it."""
        return self._text

    def matches(self, offered: bytes) -> bool:
        """Whether somebody offers the same text, in UTF-8; takes as long for a near miss as for a far one."""
        return hmac.compare_digest(self._text.encode(), offered)

    def __repr__(self) -> str:
        return "********"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)
