"""Responses go on from earlier ones, are kept before their end is told, and can be ended by their ids."""

import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from tampu.arrival import Arrival
from tampu.errors import BadRequest, EngineCrashed, PreviousResponseNotFound, ResponseNotFound
from tampu.generation import (
    ChatInput,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    TextDelta,
    ThinkingDelta,
)
from tampu.messages import Message
from tampu.operations.responses import SHORT_S, Responses, joined
from tampu.responses import Ending, Keeping, KeptResponse, ResponseEnded, ResponseEvent
from tampu.units import FOREVER, KeepAlive
from tests.fakes.kept_responses import FakeKept

pytestmark = pytest.mark.anyio
ARRIVAL = Arrival(0, "somebody", "request 1")
DONE = Finished(reason=FinishReason.STOP)
MONTH = KeepAlive.of_seconds(30 * 24 * 3600)


class Asked:
    """A request whose conversation is the documents of what came before, and whose document tells what came."""

    items = b"[]"

    def __init__(
        self, name: str = "resp_1", *, previous: str = "", keeping: Keeping = Keeping.LONG, refers: Sequence[str] = ()
    ) -> None:
        self.id, self.previous_id, self.keeping, self.referred_ids = name, previous, keeping, refers

    def conversation(self, earlier: Sequence[KeptResponse], referred: Sequence[KeptResponse]) -> GenerationRequest:
        said = tuple(Message("assistant", kept.document.decode()) for kept in (*earlier, *referred))
        return GenerationRequest(model="m", input=ChatInput((*said, Message("user", "hi"))))

    def document(self, events: Sequence[GenerationEvent], ending: Ending) -> bytes:
        texts = [event.text for event in events if isinstance(event, TextDelta)]
        return json.dumps([texts, ending.keeping.name, ending.is_canceled, ending.at_s]).encode()


class Says:
    """Answers with its steps; an error is raised, an event is waited for."""

    def __init__(self, *steps: Any) -> None:
        self._steps = steps
        self.asked: list[GenerationRequest] = []

    async def __call__(self, request: GenerationRequest, *, arrival: Arrival) -> AsyncGenerator[GenerationEvent, None]:
        self.asked.append(request)
        for step in self._steps:
            match step:
                case Exception():
                    raise step
                case anyio.Event():
                    await step.wait()
                case _:
                    yield step


def _responses(says: Says, kept: FakeKept, lasting: KeepAlive = MONTH) -> Responses:
    return Responses(says, kept, lasting=lambda: lasting, clock=lambda: 1000.5)


async def _events(responses: Responses, request: Asked) -> list[ResponseEvent]:
    async with aclosing(responses.respond(request, arrival=ARRIVAL)) as events:
        return [event async for event in events]


async def test_a_response_is_kept_before_its_end_is_told() -> None:
    kept = FakeKept()
    responses = _responses(Says(TextDelta("a"), TextDelta("b"), DONE), kept)
    async with aclosing(responses.respond(Asked(), arrival=ARRIVAL)) as events:
        async for event in events:
            assert ("resp_1" in kept.responses) == isinstance(event, ResponseEnded)
    assert isinstance(event, ResponseEnded)
    assert (await responses.find("resp_1")).document == event.document == b'[["ab"], "LONG", false, 1000]'


@pytest.mark.parametrize(
    ("keeping", "lasting", "seconds"),
    [
        (Keeping.LONG, MONTH, MONTH.seconds),
        (Keeping.SHORT, MONTH, SHORT_S),
        (Keeping.SHORT, KeepAlive.of_seconds(60), 60),
        (Keeping.LONG, FOREVER, float("inf")),
        (Keeping.SHORT, FOREVER, SHORT_S),
        (Keeping.NONE, MONTH, None),
        (Keeping.LONG, KeepAlive.of_seconds(0), None),
    ],
)
async def test_how_long_a_response_is_kept(keeping: Keeping, lasting: KeepAlive, seconds: float | None) -> None:
    kept = FakeKept()
    (_, end) = await _events(_responses(Says(TextDelta("a"), DONE), kept, lasting), Asked(keeping=keeping))
    assert kept.lasting_s.get("resp_1") == seconds
    assert isinstance(end, ResponseEnded)
    assert json.loads(end.document)[1] == (keeping.name if seconds is not None else "NONE")


async def test_a_response_that_cannot_be_kept_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        events = await _events(_responses(Says(TextDelta("a"), DONE), FakeKept(fails=True)), Asked())
    assert isinstance(events[-1], ResponseEnded)
    assert json.loads(events[-1].document)[1] == "NONE"
    assert "a response could not be kept" in caplog.text


async def test_what_was_said_before_is_asked_again() -> None:
    kept, says = FakeKept(), Says(DONE)
    for name, previous in (("a", ""), ("b", "a"), ("other", "")):
        await kept.keep(KeptResponse(id=name, previous_id=previous, items=b"[]", document=name.encode()), 60)
    responses = _responses(says, kept)
    await _events(responses, Asked(previous="b", refers=["other", "gone"]))
    chat = says.asked[0].input
    assert isinstance(chat, ChatInput)
    assert [message.content for message in chat.messages] == ["a", "b", "other", "hi"]


async def test_an_unknown_previous_response_asks_nothing_of_a_model() -> None:
    says = Says(DONE)
    with pytest.raises(PreviousResponseNotFound, match="'gone'"):
        await _events(_responses(says, FakeKept()), Asked(previous="gone"))
    assert says.asked == []


async def test_too_many_references_are_refused() -> None:
    with pytest.raises(BadRequest, match="more than 1000 responses"):
        await _events(_responses(Says(DONE), FakeKept()), Asked(refers=[str(n) for n in range(1001)]))


async def test_a_failure_is_not_kept() -> None:
    kept = FakeKept()
    with pytest.raises(EngineCrashed):
        await _events(_responses(Says(TextDelta("a"), EngineCrashed("gone")), kept), Asked())
    assert kept.responses == {}


async def test_a_client_that_leaves_keeps_nothing() -> None:
    kept = FakeKept()
    async with aclosing(_responses(Says(TextDelta("a"), DONE), kept).respond(Asked(), arrival=ARRIVAL)) as events:
        await anext(events)
    assert kept.responses == {}


async def test_a_response_can_be_ended_by_its_id() -> None:
    kept, begun, scope = FakeKept(), anyio.Event(), anyio.CancelScope()
    responses = _responses(Says(TextDelta("a"), begun, anyio.Event()), kept)
    ended: list[str] = []

    def end(request_id: str) -> None:
        ended.append(request_id)
        scope.cancel()

    async def answer() -> None:
        with scope:
            async with aclosing(responses.respond(Asked(), arrival=ARRIVAL)) as events:
                async for _ in events:
                    begun.set()

    async with anyio.create_task_group() as group:
        group.start_soon(answer)
        await begun.wait()
        found = await responses.cancel("resp_1", end)
    assert ended == ["request 1"]
    assert json.loads(found.document) == [["a"], "LONG", True, 1000]
    with pytest.raises(BadRequest, match="is over and cannot be cancelled"):
        await responses.cancel("resp_1", end)
    with pytest.raises(ResponseNotFound):
        await responses.cancel("resp_2", end)


async def test_a_response_that_is_removed_is_gone() -> None:
    responses = _responses(Says(DONE), FakeKept())
    await _events(responses, Asked())
    await responses.remove("resp_1")
    with pytest.raises(ResponseNotFound):
        await responses.remove("resp_1")
    with pytest.raises(ResponseNotFound, match="Response with id 'resp_1' not found"):
        await responses.find("resp_1")


def test_pieces_of_one_kind_are_joined() -> None:
    pieces: list[GenerationEvent] = [ThinkingDelta("a"), ThinkingDelta("b"), TextDelta("c"), TextDelta("d"), DONE]
    assert joined(pieces) == [ThinkingDelta("ab"), TextDelta("cd"), DONE]
