"""What the head of a file says, told within bounds, for those who look into files."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header
from tampu.gguf.rewrite import LONGEST_HEADER, read_facts

LONGEST_TEXT: Final = 4000
MOST_ITEMS: Final = 16
_TEXT, _ARRAY = 8, 9
_NUMBERS: Final = {
    0: ("u8", "B"),
    1: ("i8", "b"),
    2: ("u16", "H"),
    3: ("i16", "h"),
    4: ("u32", "I"),
    5: ("i32", "i"),
    6: ("f32", "f"),
    7: ("bool", "?"),
    10: ("u64", "Q"),
    11: ("i64", "q"),
    12: ("f64", "d"),
}

Plain = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Told:
    """The value of one key. `type`: as in `u32`, `string`, `array of string`.

    `value`: cut where it is long; of an array the first items, and `count` says how many there are.
    """

    type: str
    value: Plain | tuple[Plain, ...]
    count: int | None = None

    @property
    def text(self) -> str:
        """The value on one line."""
        if not isinstance(self.value, tuple):
            return _shown(self.value)
        more = f", ... {self.count} in all" if self.count is not None and self.count > len(self.value) else ""
        return f"[{', '.join(map(_shown, self.value))}{more}]"


def head_of(path: Path, header: Header) -> Mapping[str, bytes]:
    """Each key of a file with its type and value as they are written; raises InvalidModelFile, OSError."""
    if header.byte_order != "little" or header.version < 2:
        raise InvalidModelFile("only little-endian files of version 2 and 3 can be looked into")
    if header.data_offset > LONGEST_HEADER:
        raise InvalidModelFile(f"the header is too long to be looked into: {header.data_offset} bytes")
    with path.open("rb") as file:
        return facts_in(file.read(header.data_offset))


def facts_in(head: bytes) -> Mapping[str, bytes]:
    """Each key of a head with its type and value as they are written."""
    return {key.decode("utf-8", "replace"): fact for key, fact in read_facts(head).items()}


def told(fact: bytes) -> Told:
    """A type and a value as they are written, for people."""
    (kind,) = struct.unpack_from("<I", fact)
    if kind == _TEXT:
        return Told("string", _text(fact[12:]))
    if kind != _ARRAY:
        name, code = _NUMBERS[kind]
        return Told(name, struct.unpack_from(f"<{code}", fact, 4)[0])
    item, count = struct.unpack_from("<IQ", fact, 4)
    if item == _TEXT:
        return Told("array of string", tuple(_texts(fact, min(count, MOST_ITEMS))), count)
    name, code = _NUMBERS[item]
    return Told(f"array of {name}", struct.unpack_from(f"<{min(count, MOST_ITEMS)}{code}", fact, 16), count)


def _texts(fact: bytes, count: int) -> Iterator[str]:
    at = 16
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", fact, at)
        yield _text(fact[at + 8 : at + 8 + length])
        at += 8 + length


def _text(text: bytes) -> str:
    whole = text[: LONGEST_TEXT + 1].decode("utf-8", "replace")
    return whole if len(text) <= LONGEST_TEXT else f"{whole[:LONGEST_TEXT]}..."


def _shown(value: Plain) -> str:
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.9g}" if isinstance(value, float) else str(value)
