"""Which bytes of a file a request wants: `Range` and `If-Range` (RFC 9110, sections 14.2 and 13.1.5). Pure.

One range is honoured; several, and what is no byte range, mean the whole file, as the RFC allows.
"""

import re
from dataclasses import dataclass
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes=\s*([0-9]*)\s*-\s*([0-9]*)\s*", re.ASCII | re.IGNORECASE)
_MOST_DIGITS: Final = 19
"""More than any file has bytes: such a number is not worth computing."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to but not including `end`. `is_part`: the client asked for no more than that."""

    start: int
    end: int
    is_part: bool = False


def wanted_span(range_header: str, if_range: str, *, size: int, etag: str) -> Span | None:
    """The bytes that an answer should carry; None if the file has none of those that are asked for.

    With an `if_range` that is not the present `etag`, the client's other bytes are of another file: it gets all of it.
    """
    match = _ONE_RANGE.fullmatch(range_header)
    if match is None or (if_range and if_range != etag):
        return Span(0, size)
    first, last = match[1], match[2]
    if max(len(first), len(last)) > _MOST_DIGITS or not (first or last):
        return Span(0, size)
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return Span(0, size)
    if int(first) >= size:
        return None
    return Span(int(first), min(int(last) + 1, size) if last else size, is_part=True)


def _suffix(length: int, size: int) -> Span | None:
    """The last `length` bytes."""
    if not length or not size:
        return None
    return Span(max(size - length, 0), size, is_part=True)
