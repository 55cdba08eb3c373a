"""Responses: answers that are kept for a while, so that a later request can go on from them.

What a response looks like is the business of the dialect that asks for it; here it is JSON that nobody else reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from tampu.generation import FinishReason, GenerationEvent, GenerationRequest, Usage


class Keeping(Enum):
    """Whether a response is kept: not at all, as long as a conversation may rest, or as long as the settings say."""

    NONE = auto()
    SHORT = auto()
    LONG = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResponse:
    """A response as it is kept: `document` is what was answered, `items` the list of what was asked, both JSON."""

    id: str
    previous_id: str
    items: bytes
    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a response ended. `is_canceled`: somebody ended it by its id. `at_s`: seconds since the epoch."""

    reason: FinishReason
    usage: Usage
    at_s: int
    keeping: Keeping
    is_canceled: bool = False


class ResponseRequest(Protocol):
    """A request for a response, as its dialect decoded it.

    `previous_id`: the response that it goes on from, "" for none. `referred_ids`: other responses that it names.
    `keeping`: what it asks for.
    """

    @property
    def id(self) -> str: ...
    @property
    def previous_id(self) -> str: ...
    @property
    def referred_ids(self) -> Sequence[str]: ...
    @property
    def keeping(self) -> Keeping: ...
    @property
    def items(self) -> bytes: ...

    def conversation(self, earlier: Sequence[KeptResponse], referred: Sequence[KeptResponse]) -> GenerationRequest:
        """What to ask of the model after the `earlier` responses, oldest first; raises BadRequest."""
        ...

    def document(self, events: Sequence[GenerationEvent], ending: Ending) -> bytes:
        """The response as JSON. `events`: the pieces of the answer, those of one kind joined."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """The last event of a response: all of it, as JSON."""

    document: bytes
    reason: FinishReason


ResponseEvent = GenerationEvent | ResponseEnded
"""Never Finished: ResponseEnded stands in its place."""
