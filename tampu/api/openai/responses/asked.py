"""A decoded request for a response: how it goes on from earlier ones, and how its answer is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from tampu.api.openai.responses.conversation import read_items
from tampu.api.openai.responses.document import Echo, Outcome, written
from tampu.api.openai.responses.items import REFERENCE, Item, referred_ids, resolved
from tampu.api.openai.responses.output import COMPLETED, INCOMPLETE, Output
from tampu.generation import ChatInput, FinishReason, GenerationEvent, GenerationRequest
from tampu.messages import Message
from tampu.responses import Ending, Keeping, KeptResponse

_CANCELLED = "cancelled"
_LENGTH = "max_output_tokens"


class _Document(msgspec.Struct):
    """What is read of a kept response."""

    output: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for a response (see tampu/responses.py). `generation` asks for what it says without earlier ones.

    `items` is `own_items` as JSON: written when the request is read, in a thread where it is long.
    """

    echo: Echo
    generation: GenerationRequest
    own_items: tuple[Item, ...]
    items: bytes
    keeping: Keeping

    @property
    def id(self) -> str:
        return self.echo.id

    @property
    def tag(self) -> str:
        """What the ids of all its items share."""
        return self.id.partition("_")[2]

    @property
    def previous_id(self) -> str:
        return self.echo.previous_response_id or ""

    @property
    def referred_ids(self) -> Sequence[str]:
        return referred_ids(self.own_items)

    def conversation(self, earlier: Sequence[KeptResponse], referred: Sequence[KeptResponse]) -> GenerationRequest:
        if not self.previous_id and not self.referred_ids:
            return self.generation
        known = {str(item.get("id")): item for kept in (*referred, *earlier) for item in _all_items(kept)}
        before = [("earlier item", item) for kept in earlier for item in _all_items(kept)]
        messages = read_items(resolved([*before, *placed(self.own_items)], known))
        return replace(self.generation, input=with_messages(self.generation, self.echo.instructions, messages))

    def document(self, events: Sequence[GenerationEvent], ending: Ending) -> bytes:
        is_cut = ending.reason is FinishReason.LENGTH
        status = _CANCELLED if ending.is_canceled else INCOMPLETE if is_cut else COMPLETED
        output = self.output()
        for event in events:
            output.take(event)
        output.close(status=COMPLETED if status == COMPLETED else INCOMPLETE)
        if not self.generation.stream and not any(item["type"] != "reasoning" for item in output.items):
            output.add_empty_message()
        outcome = Outcome(
            status=status,
            output=output.items,
            usage=None if ending.is_canceled else ending.usage,
            completed_at=ending.at_s if status == COMPLETED else None,
            incomplete_reason=_LENGTH if status == INCOMPLETE else None,
        )
        return written(self.echo, outcome, is_stored=ending.keeping is Keeping.LONG)

    def output(self) -> Output:
        """Items to be, none yet."""
        return Output(self.tag, with_logprobs=self.generation.logprobs)


def placed(items: Iterable[Item]) -> list[tuple[str, Item]]:
    """The items of a request with their places."""
    return [(f"input[{number}]", item) for number, item in enumerate(items)]


def own_messages(items: Iterable[Item]) -> tuple[Message, ...]:
    """What the request says itself; what its references stand for is not known yet. Raises BadRequest."""
    return read_items([(place, item) for place, item in placed(items) if item["type"] != REFERENCE])


def with_messages(request: GenerationRequest, instructions: str | None, messages: Sequence[Message]) -> ChatInput:
    """The input of `request` with other messages. Instructions stand in front of all, whatever came before."""
    chat = request.input
    assert isinstance(chat, ChatInput)  # noqa: S101  # this dialect asks for nothing else
    opening = (Message("system", instructions),) if instructions else ()
    return replace(chat, messages=(*opening, *messages))


def _all_items(kept: KeptResponse) -> list[Item]:
    """What was asked and what was answered."""
    asked = msgspec.json.decode(kept.items, type=list[dict[str, Any]])
    return [*asked, *msgspec.json.decode(kept.document, type=_Document).output]
