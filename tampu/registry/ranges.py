"""What the answer to a request for a range means. Pure: status and headers in, a verdict out."""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from aiohttp import hdrs

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII)
_PLACE_IS_GONE: Final = frozenset({400, 401, 403, 404, 410})
"""Signed addresses that have run out are answered so; the registry gives a new one."""
_LONGEST_WAIT_S: Final = 300.0


class Verdict(Enum):
    """What to do with the answer."""

    TAKE = auto()
    """The body begins at the wanted byte."""
    NO_RANGES = auto()
    """The server does not keep to ranges: ask for the whole."""
    LOCATE_AGAIN = auto()
    """The address is no longer good."""
    RETRY = auto()
    """A failure that may pass."""


def judge(status: int, headers: Mapping[str, str], wanted: int) -> Verdict:
    """The verdict on an answer to a request for the bytes from `wanted` on."""
    if headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        return Verdict.NO_RANGES
    if status == 206:
        return Verdict.TAKE if range_start(headers.get(hdrs.CONTENT_RANGE, "")) == wanted else Verdict.NO_RANGES
    if status in {200, 416}:
        return Verdict.TAKE if status == 200 and wanted == 0 else Verdict.NO_RANGES
    return Verdict.LOCATE_AGAIN if status in _PLACE_IS_GONE else Verdict.RETRY


def judge_whole(status: int, headers: Mapping[str, str]) -> Verdict:
    """The verdict on an answer to a request for all bytes."""
    if headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        return Verdict.RETRY
    if status == 200:
        return Verdict.TAKE
    return Verdict.LOCATE_AGAIN if status in _PLACE_IS_GONE else Verdict.RETRY


def range_start(content_range: str) -> int | None:
    """The first byte that a `Content-Range` header names; None if it names none."""
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    return int(match[1]) if match else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that the server asks for, in seconds; dates are not worth the trouble."""
    text = headers.get(hdrs.RETRY_AFTER, "").strip()
    return min(float(text), _LONGEST_WAIT_S) if text.isascii() and text.isdigit() else None
