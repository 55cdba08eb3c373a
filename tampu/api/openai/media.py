"""Pictures and sounds as OpenAI writes them: data URIs, addresses, base64."""

import re
from typing import Any

from tampu.api.fields import read_address, read_base64
from tampu.errors import BadRequest

PICTURE_PLACE = "[img]"
"""Stands where a picture belongs in a text, for whoever makes the prompt; pictures without such a place go in front."""
_IMAGE_URI = re.compile(r"data:(?:image/(?:jpeg|jpg|png|webp))?;base64,")


def read_image(url: str, place: str) -> bytes:
    """The bytes of a picture in a data URI, or the address of one; raises BadRequest."""
    head, is_address = _IMAGE_URI.match(url), url.startswith(("http://", "https://"))
    if head is None and not is_address:
        raise BadRequest(f"invalid image input: {place} is no data URI of a JPEG, PNG or WebP in base64")
    try:
        return read_address(url, place) if head is None else read_base64(url[head.end() :], place)
    except BadRequest as error:
        raise BadRequest(f"invalid image input: {error.message}") from None


def read_sound(told: Any, place: str) -> bytes:
    """The bytes of an `input_audio`; raises BadRequest."""
    match told:
        case {"data": str(data)} if data:
            pass
        case dict():
            raise BadRequest("invalid input_audio format: missing data")
        case _:
            raise BadRequest("invalid input_audio format")
    try:
        return read_base64(data, place)
    except BadRequest as error:
        raise BadRequest(f"invalid input_audio base64 data: {error.message}") from None
