"""The contract of a dialect: how the server hands it a request, and how it hands back bytes.

A dialect is a set of codecs, one for each of its routes. A codec is plain functions: `decode` turns what came over the
wire into a request of the vocabulary or raises a TampuError; the rest turns answers, events and errors into bytes.
Nothing here waits, logs or knows a server.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from tampu.errors import TampuError
from tampu.generation import Dropped, Embeddings

JSON_UTF8 = "application/json; charset=utf-8"
JSON = "application/json"
_MANY_VECTORS = 16
"""So many take about as long to write down as another thread takes to begin."""
_MOST_PLACES = 500
"""Of cut inputs in a header, whose length clients bound."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a dialect may know of an HTTP request: its body, the parameters of its path and who asks.

    `query` is as it was sent. `headers`, under lower-case names, are there where the body is not read. `request_id` is
    what the log calls the request. `content_type`: what the body is said to be. `passed_over`: whom to tell the names
    of fields that nothing here knows.
    """

    body: bytes = b""
    parameters: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    content_type: str = ""
    passed_over: Callable[[Sequence[str]], None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is known as a whole. `content_type` is None where there is no body."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


EMPTY_OK = Reply(200)


@dataclass(frozen=True, slots=True)
class FileReply:
    """The beginning of an answer that is a file's bytes from `start` up to but not including `end`."""

    status: int
    headers: tuple[tuple[str, str], ...]
    start: int
    end: int


RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")
EventT_contra = TypeVar("EventT_contra", contravariant=True)
FileT = TypeVar("FileT")


class EventWriter(Protocol[EventT_contra]):
    """Writes the events of one answer. `streams`: the request wants them as they come, else one object at the end.

    `headers`: what a stream says in its head; settled by the events before the first that shows something.
    """

    streams: bool
    content_type: str
    headers: tuple[tuple[str, str], ...]

    def is_whole(self, first: EventT_contra) -> bool:
        """Whether the first event is the whole answer and goes out as one object, streaming or not."""

    def chunk(self, event: EventT_contra) -> bytes:
        """The event as it goes over the wire, framing included; empty where there is nothing to show.

        Called for every token, from within the event loop's call for what an engine sent: what is constant in it is
        best encoded once, in the constructor.
        """

    def end(self) -> bytes:
        """What closes the stream after its last event; may be empty."""

    def whole(self, events: Sequence[EventT_contra]) -> Reply:
        """All events joined into one answer."""

    def early_error(self, error: TampuError) -> Reply:
        """The error of an operation that has sent nothing yet: it still has its own status."""

    def late_error(self, error: TampuError) -> bytes:
        """The error of a stream that has begun, as its last bytes."""


@dataclass(frozen=True, slots=True)
class StreamCodec(Generic[RequestT, AnswerT]):
    """A route that answers with events. `encode_error` serves requests that do not decode."""

    decode: Callable[[Call], RequestT]
    writer: Callable[[RequestT], EventWriter[AnswerT]]
    encode_error: Callable[[TampuError], Reply]


@dataclass(frozen=True, slots=True)
class AnswerCodec(Generic[RequestT, AnswerT]):
    """A route that answers once. `is_long`: whether encoding an answer takes so long that others should not wait."""

    decode: Callable[[Call], RequestT]
    encode: Callable[[RequestT, AnswerT], Reply]
    encode_error: Callable[[TampuError], Reply]
    is_long: Callable[[AnswerT], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class FileCodec(Generic[RequestT, FileT]):
    """A route that answers with a file; `encode` gives a whole answer where no byte of it is sent."""

    decode: Callable[[Call], RequestT]
    encode: Callable[[RequestT, FileT], FileReply | Reply]
    encode_error: Callable[[TampuError], Reply]


def dropped_headers(dropped: Dropped) -> tuple[tuple[str, str], ...]:
    """What a client reads before the first token of an answer to a prompt that was shortened."""
    if not dropped:
        return ()
    return (
        ("x-tampu-dropped-messages", str(dropped.messages)),
        ("x-tampu-dropped-tokens", str(dropped.tokens)),
    )


def has_many_vectors(answer: Embeddings) -> bool:
    """Whether writing the vectors down takes so long that others should not wait."""
    return len(answer.vectors) > _MANY_VECTORS


def cut_headers(answer: Embeddings) -> tuple[tuple[str, str], ...]:
    """Ours: how many inputs were cut, and which; old clients may refuse a body with more in it than they know."""
    if not answer.truncated:
        return ()
    places = ",".join(map(str, answer.truncated[:_MOST_PLACES]))
    return (("x-tampu-truncated", str(len(answer.truncated))), ("x-tampu-truncated-inputs", places))
