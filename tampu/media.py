"""Pictures and sounds as requests carry them: what the first bytes say they are, and how large they say to be. Pure.

Nothing is decoded: a few hundred bytes may promise gigabytes of pixels, so sizes are read from headers.
"""

import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

_MOST_SEGMENTS: Final = 4096
"""A picture from a camera has a few dozen in front of its size."""


class MediaKind(StrEnum):
    """A kind of picture or sound."""

    PNG = "PNG"
    JPEG = "JPEG"
    GIF = "GIF"
    BMP = "BMP"
    WEBP = "WebP"
    WAVE = "WAV"
    MP3 = "MP3"

    @property
    def is_sound(self) -> bool:
        """Whether it is heard and not seen."""
        return self in {MediaKind.WAVE, MediaKind.MP3}


_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", MediaKind.PNG),
    (b"\xff\xd8\xff", MediaKind.JPEG),
    (b"GIF87a", MediaKind.GIF),
    (b"GIF89a", MediaKind.GIF),
    (b"BM", MediaKind.BMP),
    (b"ID3", MediaKind.MP3),
)
_RIFF_KINDS: Final = {b"WEBP": MediaKind.WEBP, b"WAVE": MediaKind.WAVE}


def kind_of(data: bytes) -> MediaKind | None:
    """What `data` is by its first bytes; None for anything else."""
    if data[:4] == b"RIFF":
        return _RIFF_KINDS.get(data[8:12])
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    # Eleven set bits begin a frame of MPEG sound; the layer bits say that it is the third layer.
    is_frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2
    return MediaKind.MP3 if is_frame else None


def size_of(kind: MediaKind, data: bytes) -> tuple[int, int] | None:
    """Width and height that a picture's header tells; None where it is cut, or tells none that can be."""
    try:
        width, height = _SIZES[kind](data)
    except (struct.error, IndexError, ValueError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def sample_rate_of(data: bytes) -> int | None:
    """Samples a second of a WAV; None where its header is cut."""
    place = 12
    for _ in range(_MOST_SEGMENTS):
        name, length = data[place : place + 4], data[place + 4 : place + 8]
        if len(length) < 4:
            return None
        if name == b"fmt ":
            rate = data[place + 12 : place + 16]
            return int.from_bytes(rate, "little") if len(rate) == 4 else None
        place += 8 + int.from_bytes(length, "little")
    return None


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    # A negative height says that the first row is the top one; the oldest header has no room for a sign.
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return abs(width), abs(height)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the first frame header; segments in front of it are skipped by their lengths."""
    place = 2
    for _ in range(_MOST_SEGMENTS):
        place = data.index(b"\xff", place)
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        elif marker in _LONELY:
            place += 2
        else:
            (length,) = struct.unpack_from(">H", data, place + 2)
            place += 2 + length
    raise ValueError


_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONELY: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
"""Markers that no length follows."""


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            canvas = data[24:30]
            if len(canvas) < 6:
                raise ValueError
            return int.from_bytes(canvas[:3], "little") + 1, int.from_bytes(canvas[3:], "little") + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF


_SIZES: Final[Mapping[MediaKind, Callable[[bytes], tuple[int, int]]]] = {
    MediaKind.PNG: _png_size,
    MediaKind.JPEG: _jpeg_size,
    MediaKind.GIF: _gif_size,
    MediaKind.BMP: _bmp_size,
    MediaKind.WEBP: _webp_size,
}
