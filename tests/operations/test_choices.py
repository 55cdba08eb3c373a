"""Several answers for one caller: they run at once, the first error ends them, and leaving cancels them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from tampu.arrival import Arrival
from tampu.errors import EngineCrashed, TampuError
from tampu.generation import (
    ChoiceEvent,
    ChoicesRequest,
    CompletionInput,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    TextDelta,
)
from tampu.operations.choices import generate_choices

pytestmark = pytest.mark.anyio
DONE = Finished(reason=FinishReason.STOP)
ARRIVAL = Arrival(0, "somebody", "1")


class Answers:
    """Answers each prompt with itself; `fails` raises once all have begun, `waits` never ends."""

    def __init__(self, count: int) -> None:
        self.running, self.options = 0, list[Any]()
        self._count, self._all = count, anyio.Event()

    async def __call__(self, request: GenerationRequest, *, arrival: Arrival) -> AsyncGenerator[GenerationEvent, None]:
        assert isinstance(request.input, CompletionInput)
        self.running += 1
        self.options.append(dict(request.options))
        try:
            if self.running == self._count:
                self._all.set()
            await self._all.wait()  # nobody gets on unless all run at once
            match request.input.prompt:
                case "fails":
                    raise EngineCrashed("gone")
                case "waits":
                    await anyio.sleep_forever()
            yield TextDelta(request.input.prompt)
            yield DONE
        finally:
            self.running -= 1


def _request(*prompts: str, alternatives: int = 1, **options: Any) -> ChoicesRequest:
    requests = (
        GenerationRequest(model="m", input=CompletionInput(prompt=prompt), options=options) for prompt in prompts
    )
    return ChoicesRequest(requests=tuple(requests), alternatives=alternatives)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_only_answer_comes_bare() -> None:
    events = generate_choices(Answers(1), _request("a"), arrival=ARRIVAL)
    assert [event async for event in events] == [TextDelta("a"), DONE]


async def test_all_run_at_once_and_are_told_apart() -> None:
    answers = Answers(4)
    events = [e async for e in generate_choices(answers, _request("a", "b", alternatives=2, seed=7), arrival=ARRIVAL)]
    texts = {event.choice: event.event for event in events if isinstance(event, ChoiceEvent) and event.event != DONE}
    assert texts == {0: TextDelta("a"), 1: TextDelta("a"), 2: TextDelta("b"), 3: TextDelta("b")}
    assert sorted(options["seed"] for options in answers.options) == [7, 7, 8, 8]
    assert answers.running == 0


async def test_one_error_ends_all() -> None:
    answers = Answers(3)
    with pytest.raises(TampuError, match="gone"):
        [event async for event in generate_choices(answers, _request("waits", "fails", "waits"), arrival=ARRIVAL)]
    assert answers.running == 0


async def test_closing_ends_all() -> None:
    answers = Answers(2)
    async with aclosing(generate_choices(answers, _request("a", "waits"), arrival=ARRIVAL)) as events:
        assert await anext(events) == ChoiceEvent(0, TextDelta("a"))
    assert answers.running == 0
