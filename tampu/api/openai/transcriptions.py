"""`POST /v1/audio/transcriptions`: a sound in, what is said in it out. It is a chat with a model that hears."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tampu.api.dialect import JSON, Call, Reply, StreamCodec
from tampu.api.openai.errors import CHAT, errors_of, openai_error
from tampu.api.openai.forms import Field, read_form
from tampu.api.openai.writer import last_of
from tampu.api.words import check_reference
from tampu.errors import BadRequest, TampuError
from tampu.generation import ChatInput, GenerationEvent, GenerationRequest, TextDelta
from tampu.messages import Message
from tampu.wire import encode

_TASK = "Write down what is said in the recording, word for word. Answer with these words and nothing else."
_UNTIMED = ("json", "verbose_json", "text")
_EMPTY = Field(b"")


@dataclass(frozen=True, slots=True)
class TranscriptionCall:
    """A request for what is said in a sound, and whether the answer is the bare text."""

    request: GenerationRequest
    is_bare: bool = False


def _decode(call: Call) -> TranscriptionCall:
    form = read_form(call.content_type, call.body)
    model, file = form.get("model", _EMPTY).text, form.get("file", _EMPTY)
    if not model:
        raise BadRequest("model is required")
    if not file.is_file:
        raise BadRequest("file is required: http: no such file")
    if not file.data:
        raise BadRequest("audio file is empty")
    shape = form.get("response_format", _EMPTY).text or _UNTIMED[0]
    if shape not in _UNTIMED:
        raise BadRequest(f'response_format "{shape[:50]}" is not supported: no times are known; ask for json or text')
    told = [_TASK]
    if language := form.get("language", _EMPTY).text:
        told.append(f"The language is {language}.")
    if prompt := form.get("prompt", _EMPTY).text:
        told.append(prompt)
    messages = (Message(role="system", content="\n".join(told)), Message(role="user", images=(file.data,)))
    request = GenerationRequest(
        model=model,
        input=ChatInput(messages=messages),
        stream=False,
        think=False,
        options={"temperature": _temperature(form.get("temperature", _EMPTY).text)},
    )
    check_reference(model, CHAT)
    return TranscriptionCall(request, is_bare=shape == "text")


def _temperature(told: str) -> float:
    try:
        temperature = float(told or 0)
    except ValueError:
        temperature = math.nan
    if not math.isfinite(temperature):
        raise BadRequest(f'temperature is "{told[:50]}"; it must be a number')
    return temperature


class _Writer:
    """The event writer of one transcription (see tampu/api/dialect.py): always whole."""

    streams = False
    content_type = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self, call: TranscriptionCall) -> None:
        self._is_bare = call.is_bare

    def is_whole(self, _: GenerationEvent) -> bool:
        """Never: nothing is streamed."""
        return False

    def chunk(self, _: GenerationEvent) -> bytes:
        """Nothing."""
        return b""

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def whole(self, events: Sequence[GenerationEvent]) -> Reply:
        """The text, without the blanks around it."""
        last_of(events)
        text = "".join(event.text for event in events if isinstance(event, TextDelta)).strip()
        if self._is_bare:
            return Reply(200, text.encode(), "text/plain; charset=utf-8")
        return Reply(200, encode({"text": text}), JSON)

    def early_error(self, error: TampuError) -> Reply:
        """The error with its own status."""
        return openai_error(error, CHAT)

    def late_error(self, _: TampuError) -> bytes:
        """Nothing: no answer has begun."""
        return b""


CODEC: StreamCodec[TranscriptionCall, GenerationEvent] = StreamCodec(
    decode=_decode, writer=_Writer, encode_error=errors_of(CHAT)
)
