"""What bytes are, and how large they say to be."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.media import MediaKind, kind_of, sample_rate_of, size_of
from tests.vision import png_of

JPEG_START = b"\xff\xd8"
JFIF = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF" + bytes(10)


def frame(width: int, height: int, marker: int = 0xC0) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">HBHHB", 11, 8, height, width, 1) + bytes(3)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + bytes(12) + struct.pack("<Iii", 40, width, height)


def webp(chunk: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def wav(rate: int, *, before: bytes = b"") -> bytes:
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    return b"RIFF" + bytes(4) + b"WAVE" + before + fmt + b"data" + bytes(4)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", MediaKind.PNG),
        (b"\xff\xd8\xff\xe0", MediaKind.JPEG),
        (b"GIF87a", MediaKind.GIF),
        (b"GIF89a", MediaKind.GIF),
        (b"BM", MediaKind.BMP),
        (b"RIFF\0\0\0\0WEBPVP8 ", MediaKind.WEBP),
        (b"RIFF\0\0\0\0WAVEfmt ", MediaKind.WAVE),
        (b"RIFF\0\0\0\0AVI LIST", None),
        (b"ID3\x04", MediaKind.MP3),
        (b"\xff\xfb\x90", MediaKind.MP3),
        (b"\xff\xf3\x90", MediaKind.MP3),
        (b"\xff\xfe<\0h\0", None),
        (b"\xff\xf1\x50", None),
        (b"\x89PNG", None),
        (b"GIF88a", None),
        (b"text", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_kinds(data: bytes, kind: MediaKind | None) -> None:
    assert kind_of(data) is kind


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png_of(640, 480, b""), (640, 480)),
        (png_of(0, 480, b""), None),
        (png_of(640, 480, b"")[:20], None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI" + bytes(20), None),
        (b"GIF89a" + struct.pack("<HH", 3, 65535), (3, 65535)),
        (b"GIF89a\x01", None),
        (bmp(30, 20), (30, 20)),
        (bmp(30, -20), (30, 20)),
        (bmp(0, 20), None),
        (b"BM" + bytes(12) + struct.pack("<IHH", 12, 30, 20), (30, 20)),
        (JPEG_START + JFIF + frame(640, 480), (640, 480)),
        (JPEG_START + JFIF + frame(640, 480, 0xC2), (640, 480)),
        (JPEG_START + b"\xff\xff\xff" + JFIF[1:] + b"padding" + frame(640, 480), (640, 480)),
        (JPEG_START + b"\xff\xc4" + struct.pack(">H", 4) + b"\xff\xc0" + frame(9, 8), (9, 8)),
        (JPEG_START + JFIF, None),
        (JPEG_START + frame(640, 480)[:6], None),
        (JPEG_START + b"\xff\xe1" + struct.pack(">H", 60000) + b"x", None),
        (JPEG_START + b"\xff\xe1\0\x02" * 1_000_000 + frame(640, 480), None),
        (webp(b"VP8X" + bytes(8) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")), (640, 480)),
        (webp(b"VP8X" + bytes(8) + b"\xff"), None),
        (webp(b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 639 | 479 << 14)), (640, 480)),
        (webp(b"VP8 " + bytes(4) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480 | 1 << 14)), (640, 480)),
        (webp(b""), None),
    ],
    ids=lambda value: str(value) if not isinstance(value, bytes) else value[:16].hex(),
)
def test_sizes(data: bytes, size: tuple[int, int] | None) -> None:
    kind = kind_of(data)
    assert kind is not None
    assert size_of(kind, data) == size


@pytest.mark.parametrize(
    ("data", "rate"),
    [
        (wav(16000), 16000),
        (wav(1), 1),
        (wav(8000, before=b"LIST" + struct.pack("<I", 6) + bytes(6)), 8000),
        (wav(8000)[:22], None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"RIFF\0\0\0\0WAVE" + (b"LIST" + bytes(4)) * 100_000, None),
    ],
    ids=["plain", "one", "after a list", "cut", "empty", "lists without end"],
)
def test_sample_rates(data: bytes, rate: int | None) -> None:
    assert sample_rate_of(data) == rate


STARTS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WAVE", b"ID3"]


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200))
def test_any_bytes_give_a_size_or_none(start: bytes, rest: bytes) -> None:
    kind = kind_of(start + rest)
    assert kind is not None
    if kind.is_sound:
        rate = sample_rate_of(start + rest)
        assert rate is None or rate >= 0
    else:
        size = size_of(kind, start + rest)
        assert size is None or min(size) > 0
