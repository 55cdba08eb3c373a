"""A model that says the same thing again and again is stopped at the same piece, however little is looked at."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.audience import Audience, Telling
from tampu.engine.protocol import EngineEnd, EngineEvent, EngineText, EngineThinking, StopKind
from tampu.generation import Dropped, GenerationEvent, TextDelta
from tampu.operations.answer import AnswerReader, Said, Stuck, read_answer

pytestmark = pytest.mark.anyio
END = EngineEnd(
    stop=StopKind.END, prompt_tokens=1, cached_tokens=0, completion_tokens=9, prompt_ms=1.0, completion_ms=1.0
)
runs = st.lists(st.tuples(st.sampled_from(["a", " a", "b", "", "\n"]), st.integers(1, 40)), max_size=8)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _read(events: Sequence[EngineEvent]) -> tuple[EngineEnd | Stuck, list[GenerationEvent]]:
    async def work(audience: Audience[EngineEvent]) -> None:
        for event in events:
            audience.tell(event)

    told: list[GenerationEvent] = []
    end = await read_answer(Telling(work), AnswerReader(), Said(), Audience(told.append), dropped=Dropped())
    return end, told


def _most_said(pieces: Sequence[str]) -> int:
    """How many pieces may be said, as somebody counts who looks at each."""
    before, repeated = "", 0
    for place, piece in enumerate(pieces):
        repeated = repeated + 1 if place and piece.strip() == before else 0
        before = piece.strip()
        if repeated > 30:
            return place
    return len(pieces)


@given(runs)
async def test_a_run_of_equal_pieces_ends_where_it_is_too_long(drawn: list[tuple[str, int]]) -> None:
    pieces = [piece for piece, count in drawn for _ in range(count)]
    end, told = await _read([*(EngineText(piece) for piece in pieces), END])
    most = _most_said(pieces)
    assert told == [TextDelta(piece) for piece in pieces[:most]]
    assert end == (END if most == len(pieces) else Stuck(most))


async def test_thoughts_between_do_not_keep_it_from_looking() -> None:
    thoughts = [EngineThinking(f"{number}") for number in range(100)]
    end, _ = await _read([EngineText("a"), *thoughts, *[EngineText("b")] * 40, END])
    assert isinstance(end, Stuck)
