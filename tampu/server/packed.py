"""Bodies that come packed with zstd. Imported when the first one comes."""

import sys

from tampu.errors import BadRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAGIC = b"\x28\xb5\x2f\xfd"
_WINDOW_LOG = 23
"""The window of 8 MiB that every decoder grants; more is memory that a sender could make anybody take."""


def unpacked(body: bytes, most: int) -> bytes:
    """The bytes of one zstd frame; slow, for a thread. Raises BadRequest, also where they are more than `most`."""
    decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
    try:
        found = decoder.decompress(body, max_length=most)
    except zstd.ZstdError as error:
        raise BadRequest(_in_known_words(body, str(error))) from None
    if not decoder.eof:
        if decoder.needs_input:
            raise BadRequest("unexpected EOF: the request body is packed with zstd and ends too early")
        raise BadRequest(f"the request body is unpacked longer than {most >> 20} MiB, the most that is accepted")
    if decoder.unused_data:
        raise BadRequest("the request body is packed with zstd, and something stands behind its frame")
    return found


def _in_known_words(body: bytes, told: str) -> str:
    if body.startswith(_MAGIC):
        return f"the request body is packed with zstd and cannot be unpacked: {told}"
    return "invalid input: magic number mismatch; the request body is said to be packed with zstd, and is not"
