"""The pictures and sounds of a request: whether the model takes them, whether they can be read, and in bounds.

The engine decodes them in its own process, but what it is given is bounded here: pixels become memory there.
"""

import io
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from tampu.errors import AddressedPicture, BadRequest, MissingCapability
from tampu.generation import Capability, ChatInput, CompletionInput, GenerationRequest
from tampu.media import MediaKind, kind_of, sample_rate_of, size_of
from tampu.messages import ImageAddress

MOST_MEDIA: Final = 256
MOST_PIXELS: Final = 64 * 1024**2
"""Of one picture; the engine takes three bytes for each, and as much again while it makes the picture smaller."""
MOST_PIXELS_TOGETHER: Final = 2 * MOST_PIXELS
"""Of all pictures of a request: they lie in the engine's memory side by side."""
MOST_MP3_BYTES: Final = 16 * 1024**2
"""At the lowest of its rates, that is four and a half hours of sound."""
SMALLEST_SAMPLE_RATE: Final = 4000
"""The engine brings every sound to 16,000 samples a second, so a lower rate takes more room than the file has."""
MOST_ADDRESSES: Final = 16
_READABLE: Final = "send PNG, JPEG, GIF, BMP or WebP, or WAV or MP3 for sound"


Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the picture at an address; raises BadRequest that says why it cannot."""


@dataclass(frozen=True, slots=True)
class _Medium:
    """A picture or sound and where the request has it, as a caller would write it."""

    place: str
    data: bytes
    kind: MediaKind


async def with_readable_media(
    request: GenerationRequest, capabilities: frozenset[Capability], fetch: Fetch | None = None
) -> GenerationRequest:
    """`request` with every medium in a form that an engine reads. `fetch` is None where nothing may be fetched.

    Raises MissingCapability where the model takes none of the kind, and BadRequest that names the medium which is
    damaged, too large or of no known kind. Of a request that only shows its prompt, or has none, no medium is read.
    """
    addresses = [(place, data) for place, data in _all_media(request) if isinstance(data, ImageAddress)]
    if addresses and fetch is None:
        raise AddressedPicture
    if request.debug_render_only or request.is_empty or not any(True for _ in _all_media(request)):
        return request
    _require_capabilities(request, capabilities)
    if addresses and fetch is not None:
        fetched = await _fetched(addresses, fetch)
        request = _replaced(request, lambda data: next(fetched) if isinstance(data, ImageAddress) else data)
    media = [_recognized(place, data) for place, data in _all_media(request)]
    _check_sizes(media)
    if all(medium.kind is not MediaKind.WEBP for medium in media):
        return request
    readable = iter([await anyio.to_thread.run_sync(_as_png, medium) for medium in media])
    return _replaced(request, lambda _: next(readable))


def _all_media(request: GenerationRequest) -> Iterator[tuple[str, bytes]]:
    match request.input:
        case CompletionInput(images=images):
            yield from ((f"images[{index}]", image) for index, image in enumerate(images))
        case ChatInput(messages=messages):
            for number, message in enumerate(messages):
                for index, image in enumerate(message.images):
                    yield f"messages[{number}].images[{index}]", image


async def _fetched(addresses: list[tuple[str, ImageAddress]], fetch: Fetch) -> Iterator[bytes]:
    """The pictures at the addresses, all at once; raises BadRequest that names the first which cannot be had."""
    if len(addresses) > MOST_ADDRESSES:
        raise BadRequest(
            f"the request names {len(addresses)} pictures by address; at most {MOST_ADDRESSES} are fetched"
        )
    found: list[bytes | BadRequest] = [b""] * len(addresses)

    async def get(index: int, place: str, address: ImageAddress) -> None:
        try:
            found[index] = await fetch(address.decode())
        except BadRequest as error:
            found[index] = BadRequest(f"{place} cannot be fetched: {error.message}; send it in base64")

    async with anyio.create_task_group() as group:
        for index, (place, address) in enumerate(addresses):
            group.start_soon(get, index, place, address)
    for each in found:
        if isinstance(each, BadRequest):
            raise each
    return iter([each for each in found if isinstance(each, bytes)])


def _require_capabilities(request: GenerationRequest, capabilities: frozenset[Capability]) -> None:
    kinds = [kind_of(data) for _, data in _all_media(request)]
    if any(kind is not None and kind.is_sound for kind in kinds) and Capability.AUDIO not in capabilities:
        _refuse(request, "sound", Capability.AUDIO)
    if any(kind is None or not kind.is_sound for kind in kinds) and Capability.VISION not in capabilities:
        _refuse(request, "images", Capability.VISION)


def _refuse(request: GenerationRequest, what: str, capability: Capability) -> None:
    advice = f'leave them out, or ask a model that has the capability "{capability.value}"'
    raise MissingCapability(f'"{request.model}" does not support {what}; {advice}', capability=capability.value)


def _recognized(place: str, data: bytes) -> _Medium:
    kind = kind_of(data)
    if not data:
        raise BadRequest(f"{place} is empty; {_READABLE}")
    if kind is None:
        raise BadRequest(f"{place} is of no kind that can be read; {_READABLE}")
    return _Medium(place, data, kind)


def _check_sizes(media: list[_Medium]) -> None:
    if len(media) > MOST_MEDIA:
        raise BadRequest(f"the request holds {len(media)} images; at most {MOST_MEDIA} are taken at once")
    for medium in media:
        if medium.kind is MediaKind.MP3 and len(medium.data) > MOST_MP3_BYTES:
            raise BadRequest(f"{medium.place} is longer than {MOST_MP3_BYTES // 1024**2} MiB, the most for an MP3")
        if medium.kind is MediaKind.WAVE:
            _check_sound(medium)
    together = sum(_pixels(medium) for medium in media if not medium.kind.is_sound)
    if together > MOST_PIXELS_TOGETHER:
        raise BadRequest(
            f"the images have {_mega(together)} megapixels together, more than {_mega(MOST_PIXELS_TOGETHER)}; "
            "make them smaller or send fewer"
        )


def _check_sound(medium: _Medium) -> None:
    rate = sample_rate_of(medium.data)
    if rate is None:
        raise BadRequest(f"{medium.place} is a damaged WAV: its header is cut")
    if rate < SMALLEST_SAMPLE_RATE:
        raise BadRequest(f"{medium.place} has {rate} samples a second; at least {SMALLEST_SAMPLE_RATE} are needed")


def _pixels(medium: _Medium) -> int:
    size = size_of(medium.kind, medium.data)
    if size is None:
        raise BadRequest(f"{medium.place} is a damaged {medium.kind}: its header tells no size")
    pixels = size[0] * size[1]
    if pixels > MOST_PIXELS:
        raise BadRequest(
            f"{medium.place} has {size[0]} x {size[1]} pixels, more than {_mega(MOST_PIXELS)} megapixels; "
            "make it smaller"
        )
    return pixels


def _mega(pixels: int) -> int:
    return round(pixels / 1e6)


def _as_png(medium: _Medium) -> bytes:
    """A WebP, which no engine reads, as PNG; anything else as it is."""
    if medium.kind is not MediaKind.WEBP:
        return medium.data
    try:
        # Only this needs it, and not everyone wants another decoder of foreign bytes.
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  # an optional extra
    except ImportError:
        advice = "send PNG or JPEG, or install the extra tampu[webp] where the server runs"
        raise BadRequest(f"{medium.place} is WebP, which the engine cannot read; {advice}") from None
    written = io.BytesIO()
    try:
        with Image.open(io.BytesIO(medium.data), formats=["WEBP"]) as picture:
            # The picture is looked at once and thrown away, so time counts and size does not.
            picture.convert("RGB").save(written, "PNG", compress_level=1)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadRequest(f"{medium.place} is a damaged WebP: {error}") from None
    return written.getvalue()


def _replaced(request: GenerationRequest, new: Callable[[bytes], bytes]) -> GenerationRequest:
    """`request` with `new` of each of its media, in order."""
    match request.input:
        case CompletionInput() as completion:
            images = tuple(new(image) for image in completion.images)
            return replace(request, input=replace(completion, images=images))
        case ChatInput() as chat:
            messages = tuple(
                msgspec.structs.replace(message, images=tuple(new(image) for image in message.images))
                for message in chat.messages
            )
            return replace(request, input=replace(chat, messages=messages))
