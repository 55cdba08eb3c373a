"""Uploaded sounds: forms in any state, and what a model is asked with them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.openai import transcriptions
from tampu.api.openai.forms import read_form
from tampu.errors import BadRequest, EngineError
from tampu.generation import Finished, FinishReason, TextDelta, ThinkingDelta

FORM = "multipart/form-data; boundary=XX"
DONE = Finished(reason=FinishReason.STOP)


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{named}\r\nContent-Type: application/octet-stream\r\n\r\n'
    return b"--XX\r\n" + head.encode() + data + b"\r\n"


def asked(*parts: bytes, kind: str = FORM) -> transcriptions.TranscriptionCall:
    return transcriptions.CODEC.decode(Call(b"".join([*parts, b"--XX--\r\n"]), content_type=kind))


MODEL, FILE = part("model", b"m"), part("file", b"abc", "a.wav")


def test_a_form_becomes_a_chat_with_a_sound() -> None:
    call = asked(part("language", b"de"), MODEL, FILE, part("prompt", "Füße".encode()), part("temperature", b"0.5"))
    system, user = call.request.input.messages  # type: ignore[union-attr]  # a chat, as the next lines show
    assert user.images == (b"abc",)
    assert "The language is de." in system.content
    assert system.content.endswith("Füße")
    assert (call.request.model, call.request.think, dict(call.request.options)) == ("m", False, {"temperature": 0.5})


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((FILE,), "model is required"),
        ((MODEL,), "file is required: http: no such file"),
        ((MODEL, part("file", b"abc")), "file is required"),
        ((MODEL, part("file", b"", "a.wav")), "audio file is empty"),
        ((MODEL, FILE, part("response_format", b"srt")), 'response_format "srt" is not supported'),
        ((MODEL, FILE, part("temperature", b"warm")), 'temperature is "warm"'),
        ((MODEL, FILE, part("temperature", b"nan")), 'temperature is "nan"'),
        ((MODEL, FILE, part("temperature", b"1e999")), 'temperature is "1e999"'),
        ((MODEL, FILE, b"--XX\r\nno head"), "NextPart: EOF"),
        ((part("x", b"y") * 70,), "more than 64 parts"),
    ],
)
def test_what_is_missing_or_cannot_be_had_is_named(parts: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        asked(*parts)


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=XX"])
def test_what_is_no_form(kind: str) -> None:
    with pytest.raises(BadRequest, match="isn't multipart/form-data"):
        asked(MODEL, FILE, kind=kind)


def test_the_text_comes_bare_or_as_json() -> None:
    events = [ThinkingDelta("hm"), TextDelta(" Guten"), TextDelta(" Tag.\n"), DONE]
    whole = transcriptions.CODEC.writer(asked(MODEL, FILE)).whole(events)
    assert (json.loads(whole.body), whole.content_type) == ({"text": "Guten Tag."}, "application/json")
    bare = transcriptions.CODEC.writer(asked(MODEL, FILE, part("response_format", b"text"))).whole(events)
    assert (bare.body, bare.content_type) == (b"Guten Tag.", "text/plain; charset=utf-8")
    with pytest.raises(EngineError):
        transcriptions.CODEC.writer(asked(MODEL, FILE)).whole(events[:-1])


@given(st.binary(max_size=200))
def test_any_bytes_survive_in_a_file(data: bytes) -> None:
    if b"--XX" not in data:
        assert read_form(FORM, part("f", data, "n") + b"--XX--")["f"].data == data


@given(
    st.lists(
        st.sampled_from([b"--XX", b"\r\n", b"--", b"a", b'Content-Disposition: form-data; name="f"', b"\xff", b":"])
    )
)
def test_any_body_is_a_form_or_a_mistake_of_its_caller(pieces: list[bytes]) -> None:
    try:
        fields: Any = read_form(FORM, b"".join(pieces))
    except BadRequest:
        return
    assert all(isinstance(field.data, bytes) for field in fields.values())
