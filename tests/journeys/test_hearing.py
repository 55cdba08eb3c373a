"""A model that hears, from the client to the engine: sounds come as pictures do, and change what it says."""

import io
import math
import struct
import wave
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.gguf.translate.variants import variant
from tests.journeys.conftest import Served, serving
from tests.journeys.test_vision import refusal, store
from tests.vision import png

GREEDY = {"temperature": 0, "num_predict": 8, "seed": 1}
SOUND_TOKENS = 20
"""At least; so many stand for a second of sound."""


def tone(hertz: int, *, rate: int = 16_000, channels: int = 1) -> bytes:
    """One second of a tone."""
    written = io.BytesIO()
    samples = (int(20_000 * math.sin(math.tau * hertz * n / rate)) for n in range(rate))
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) * channels for sample in samples))
    return written.getvalue()


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as server:
        files = {"hears.gguf": store(server, variant("gemma4-sound"))}
        server.ask("/api/create", {"model": "hears", "files": files, "stream": False})
        yield server


def said(served: Served, *media: bytes) -> Any:
    messages = [{"role": "user", "content": "what?", "images": [b64encode(item).decode() for item in media]}]
    return served.ask("/api/chat", {"model": "hears", "messages": messages, "stream": False, "options": GREEDY})


def test_the_model_says_that_it_hears(hearing: Served) -> None:
    assert "audio" in hearing.ask("/api/show", {"model": "hears"})["capabilities"]


def test_sounds_change_what_it_says(hearing: Served) -> None:
    silence, low, high = said(hearing), said(hearing, tone(440)), said(hearing, tone(3000))
    assert len({answer["message"]["content"] for answer in (silence, low, high)}) == 3
    assert low["prompt_eval_count"] - silence["prompt_eval_count"] > SOUND_TOKENS
    assert low["message"] == said(hearing, tone(440))["message"]


def test_other_rates_and_channels_sound_alike(hearing: Served) -> None:
    plain, studio = said(hearing, tone(440)), said(hearing, tone(440, rate=44_100, channels=2))
    assert plain["prompt_eval_count"] == studio["prompt_eval_count"]


def test_several_sounds_and_a_picture_in_one_message(hearing: Served) -> None:
    one, two = said(hearing, tone(440)), said(hearing, tone(440), tone(3000))
    both = said(hearing, png(colour=(255, 0, 0)), tone(440))
    assert two["prompt_eval_count"] - one["prompt_eval_count"] > SOUND_TOKENS
    assert both["prompt_eval_count"] > two["prompt_eval_count"] - SOUND_TOKENS


def test_the_official_client_and_an_openai_part_say_the_same(hearing: Served) -> None:
    with ollama.Client(hearing.url) as client:
        chat = client.chat("hears", [{"role": "user", "content": "what?", "images": [tone(3000)]}], options=GREEDY)
        assert chat.message.content == said(hearing, tone(3000))["message"]["content"]
        streamed = client.generate("hears", "what?", images=[tone(3000)], options=GREEDY, stream=True)
        assert "".join(part.response for part in streamed)
    sound = {"type": "input_audio", "input_audio": {"data": b64encode(tone(3000)).decode(), "format": "wav"}}
    content = [{"type": "text", "text": "what?"}, sound]
    body = {"model": "hears", "messages": [{"role": "user", "content": content}], "max_tokens": 8, "temperature": 0}
    assert hearing.ask("/v1/chat/completions", body)["usage"]["prompt_tokens"] > SOUND_TOKENS


@pytest.mark.parametrize("length", [30, 44], ids=["half a head", "a head without samples"])
def test_a_damaged_sound_is_refused_in_words(hearing: Served, length: int) -> None:
    data = b64encode(tone(440)[:length]).decode()
    told = refusal(hearing, "/api/generate", model="hears", prompt="what?", images=[data])
    assert "cannot be decoded" in told
