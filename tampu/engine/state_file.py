"""The file into which the engine writes the state of a slot: which tokens it is the state of. Pure, but for reading.

Layout, as the bundled engine writes it: the words MAGIC, VERSION, n; then n words, of which the first three are MARK,
PACKING and t, and the next t the tokens; then the numbers themselves, which are of no concern here. A file that is
different in any of this is none: what cannot be proved to belong to a prompt is not used.
"""

import sys
from array import array
from pathlib import Path
from typing import Final, TypeAlias

_MAGIC: Final = 0x67677371
_VERSION: Final = 4
_MARK: Final = -1
_PACKING: Final = 1
_WORD: Final = 4
_HEAD_WORDS: Final = 6
_MOST_TOKENS: Final = 1 << 24
_FIRST_STEP: Final = 8

Tokens: TypeAlias = "array[int]"
"""Token ids, 32 bits each."""


class UnknownLayout(ValueError):
    """A file that is no state of a slot, or not as this engine writes it."""


def tokens_of(path: Path) -> Tokens:
    """The tokens whose state the file holds; raises UnknownLayout, OSError."""
    with path.open("rb") as file:
        head = _words(file.read(_HEAD_WORDS * _WORD))
        if len(head) < _HEAD_WORDS or head[:2].tolist() != [_MAGIC, _VERSION]:
            raise UnknownLayout
        payload, mark, packing, count = head[2:].tolist()
        if (mark, packing) != (_MARK, _PACKING) or not 0 <= count <= min(payload, _MOST_TOKENS):
            raise UnknownLayout
        tokens = _words(file.read(count * _WORD))
    if len(tokens) != count:
        raise UnknownLayout
    return tokens


def common_length(one: Tokens, other: Tokens) -> int:
    """How many tokens both begin with; costs as much as there are, however long both are."""
    low, step, limit = 0, _FIRST_STEP, min(len(one), len(other))
    while low < limit and one[low : low + step] == other[low : low + step]:
        low, step = low + step, step * 2
    # What follows `low` differs somewhere within the step, or one of them ends there.
    low, high = min(low, limit), min(low + step, limit)
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _words(data: bytes) -> Tokens:
    words: Tokens = array("i")
    words.frombytes(data[: len(data) // _WORD * _WORD])
    if sys.byteorder == "big":
        words.byteswap()
    return words
