"""How a blob is cut into parts, and what the answers to them mean. Pure: numbers and headers in, values out."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Final
from urllib.parse import parse_qsl, urlencode

from aiohttp import hdrs
from yarl import URL

_PARTS_WANTED: Final = 16
_SMALLEST_PART: Final = 100_000_000
_LARGEST_PART: Final = 1_000_000_000
_TAKEN = re.compile(r"(?:bytes=)?0-(\d+)", re.ASCII)
_LOST: Final = frozenset({400, 404, 410, 416})
"""So registries speak of an upload that they do not know any more, or whose bytes are not where we think."""
_FINAL: Final = frozenset({403, 405, 411, 413, 414, 501})


class Outlook(Enum):
    """What may still become of an upload after an error answer."""

    RETRY = auto()
    """The same again may do."""
    BEGIN_ANEW = auto()
    """Nothing more can be done with this upload; another may do."""
    REFUSED = auto()
    """The registry does not want it."""


def outlook(code: int) -> Outlook:
    """What the status of an error answer leaves to hope for."""
    if code in _FINAL:
        return Outlook.REFUSED
    return Outlook.BEGIN_ANEW if code in _LOST else Outlook.RETRY


def part_size(total: int) -> int:
    """Bytes of each part but the last, as Ollama cuts them: what is seen of a push by its registry depends on it."""
    return min(max(total // _PARTS_WANTED, _SMALLEST_PART), _LARGEST_PART)


def part_end(start: int, total: int) -> int:
    """Where the part ends that begins at `start`, or in whose middle that is."""
    size = part_size(total)
    return min((start // size + 1) * size, total)


def bytes_taken(headers: Mapping[str, str]) -> int | None:
    """How many bytes from the start a registry says that it has; None if it does not say.

    `0-0` is what registries say of an upload that has nothing yet.
    """
    match = _TAKEN.fullmatch(headers.get(hdrs.RANGE, "").strip())
    if match is None:
        return None
    return int(match[1]) + 1 if match[1] != "0" else 0


def etag(md5s: Iterable[str]) -> str:
    """What a store that takes parts calls the whole: the hash of the parts' hashes, and how many they are."""
    each = [bytes.fromhex(md5) for md5 in md5s]
    return f"{hashlib.md5(b''.join(each), usedforsecurity=False).hexdigest()}-{len(each)}"


def with_query(address: URL, **more: str) -> URL:
    """The address with more in its query, sorted by key."""
    query = [*parse_qsl(address.raw_query_string, keep_blank_values=True), *more.items()]
    return URL(f"{address.with_query(None)}?{urlencode(sorted(query, key=lambda item: item[0]))}", encoded=True)
