"""Text that comes in pieces, cut at the first of several tags. Holds back what may still become a tag."""

import re
from collections.abc import Iterable
from typing import Final

BLANKS: Final = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What counts as a blank around tags."""


class Tags:
    """A set of tags that end a stretch of text; of those that begin at the same place the longest wins."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._tags = sorted(tags, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._tags)) or "(?!)")
        self._longest = len(self._tags[0]) if self._tags else 0
        self._firsts = frozenset(tag[0] for tag in self._tags)

    def cut(self, text: str) -> tuple[str, str, str]:
        """The text before the first tag, that tag, and the text behind it.

        Without a tag in the text: the text that surely belongs to none, "", and the end that may begin one.
        """
        match = self._pattern.search(text)
        if match:
            return text[: match.start()], match.group(), text[match.end() :]
        for start in range(max(len(text) - self._longest + 1, 0), len(text)):
            if text[start] in self._firsts and any(tag.startswith(text[start:]) for tag in self._tags):
                return text[:start], "", text[start:]
        return text, "", ""

    def at_start(self, text: str) -> str:
        """The tag that the text begins with, or ""."""
        match = self._pattern.match(text)
        return match.group() if match else ""

    def may_begin_with(self, text: str) -> bool:
        """Whether the text is the beginning of a tag, and no more than that."""
        return any(tag.startswith(text) for tag in self._tags)
