"""What a request's pictures and sounds are held to before an engine is asked."""

import sys

import pytest

from tampu.errors import BadRequest, MissingCapability
from tampu.generation import Capability, ChatInput, CompletionInput, GenerationRequest
from tampu.messages import ImageAddress, Message
from tampu.operations.media import MOST_MP3_BYTES, with_readable_media
from tests.test_media import wav, webp
from tests.vision import png, png_of

pytestmark = pytest.mark.anyio

SEES = frozenset({Capability.COMPLETION, Capability.VISION})
HEARS = frozenset({Capability.COMPLETION, Capability.AUDIO})


def asking(*images: bytes) -> GenerationRequest:
    return GenerationRequest(model="m", input=CompletionInput(prompt="what?", images=images))


async def test_what_is_readable_is_left_as_it_is() -> None:
    for request in (asking(), asking(png(), png_of(8000, 8000, b""))):
        assert await with_readable_media(request, SEES) is request
    heard = asking(wav(16000))
    assert await with_readable_media(heard, HEARS) is heard


@pytest.mark.parametrize(
    ("images", "capabilities", "words"),
    [
        ((png(),), HEARS, "does not support images; .*vision"),
        ((b"",), HEARS, "does not support images"),
        ((wav(16000),), SEES, "does not support sound; .*audio"),
        ((png(), wav(16000)), SEES, "does not support sound"),
    ],
)
async def test_what_the_model_cannot_take(
    images: tuple[bytes, ...], capabilities: frozenset[Capability], words: str
) -> None:
    with pytest.raises(MissingCapability, match=words):
        await with_readable_media(asking(*images), capabilities)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ((wav(3),), r"images\[0\] has 3 samples a second"),
        ((wav(16000)[:21],), r"images\[0\] is a damaged WAV"),
        ((b"ID3" + bytes(MOST_MP3_BYTES),), r"images\[0\] is longer than 16 MiB"),
    ],
    ids=["few samples", "cut", "long"],
)
async def test_sounds_that_would_fill_the_memory(images: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        await with_readable_media(asking(*images), HEARS)


async def test_a_message_is_named() -> None:
    talk = (Message("user", "a", images=(png(),)), Message("user", "b", images=(png(), b"junk")))
    request = GenerationRequest(model="m", input=ChatInput(messages=talk))
    with pytest.raises(BadRequest, match=r"messages\[1\]\.images\[1\] is of no kind"):
        await with_readable_media(request, SEES)


async def test_webp_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    small = webp(b"VP8X" + bytes(14))
    with pytest.raises(BadRequest, match=r"images\[0\] is WebP, .* tampu\[webp\]"):
        await with_readable_media(asking(small), SEES)


async def test_only_what_no_engine_reads_is_written_anew() -> None:
    image = pytest.importorskip("PIL.Image", reason="the extra `webp` is not installed")
    import io

    written = io.BytesIO()
    image.new("RGBA", (3, 2), (255, 0, 0, 128)).save(written, "WEBP")
    talk = (Message("user", "a", images=(png(),)), Message("user", "b", images=(written.getvalue(), png())))
    ready = await with_readable_media(GenerationRequest(model="m", input=ChatInput(messages=talk)), SEES)
    assert isinstance(ready.input, ChatInput)
    first, second = (message.images for message in ready.input.messages)
    assert (first[0], second[1]) == (png(), png())
    assert second[0].startswith(b"\x89PNG")


def naming(*images: bytes) -> GenerationRequest:
    chat = ChatInput(messages=(Message(role="user", content="what?", images=images),))
    return GenerationRequest(model="m", input=chat)


ADDRESSES = (ImageAddress(b"https://a/1.png"), png(), ImageAddress(b"https://a/2.png"))


async def test_addresses_are_refused_where_nothing_may_be_fetched() -> None:
    with pytest.raises(BadRequest, match="image URLs are not currently supported"):
        await with_readable_media(naming(*ADDRESSES), frozenset({Capability.COMPLETION}))


async def test_addresses_become_pictures_in_their_places() -> None:
    pictures = {"https://a/1.png": png_of(3, 3, b""), "https://a/2.png": png_of(5, 5, b"")}

    async def fetch(address: str) -> bytes:
        return pictures[address]

    request = await with_readable_media(naming(*ADDRESSES), SEES, fetch)
    assert isinstance(request.input, ChatInput)
    assert request.input.messages[0].images == (*list(pictures.values())[:1], png(), *list(pictures.values())[1:])


async def test_an_address_that_cannot_be_fetched_is_named() -> None:
    async def fetch(address: str) -> bytes:
        if address.endswith("2.png"):
            raise BadRequest("the other side answered 404")
        return png()

    words = r"messages\[0\]\.images\[2\] cannot be fetched: the other side answered 404; send it in base64"
    with pytest.raises(BadRequest, match=words):
        await with_readable_media(naming(*ADDRESSES), SEES, fetch)
    with pytest.raises(BadRequest, match="names 17 pictures by address; at most 16"):
        await with_readable_media(naming(*[ImageAddress(b"https://a/b")] * 17), SEES, fetch)


async def test_nothing_is_fetched_for_a_model_that_cannot_see() -> None:
    async def fetch(_: str) -> bytes:
        raise AssertionError

    with pytest.raises(MissingCapability):
        await with_readable_media(naming(*ADDRESSES), HEARS, fetch)
