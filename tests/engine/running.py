"""A real engine around a test, and what it said."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tampu.config import Settings
from tampu.engine.process import ChildEngine, start_engine
from tampu.engine.protocol import EngineCompletion, EngineEnd, EngineEvent, EngineText
from tampu.engine.spec import EngineSpec, Placement
from tampu.options import Sampling

GREEDY = Sampling(temperature=0.0, num_keep=0)


@asynccontextmanager
async def running(
    model: Path, *, num_ctx: int = 256, slots: int = 1, settings: Settings | None = None, **spec: Any
) -> AsyncIterator[ChildEngine]:
    child = await start_engine(
        EngineSpec(model_path=model, **spec),
        Placement(num_ctx=num_ctx, slots=slots, threads=1),
        settings=settings or Settings(),
    )
    try:
        yield child
    finally:
        await child.stop()


def asking(prompt: str, **fields: Any) -> EngineCompletion:
    sampling = {key: fields.pop(key) for key in list(fields) if key in Sampling.__dataclass_fields__}
    return EngineCompletion(prompt=prompt, sampling=replace(GREEDY, **sampling), **fields)


async def events_of(stream: AsyncIterator[EngineEvent]) -> list[EngineEvent]:
    async with aclosing(stream) as events:
        return [event async for event in events]


async def answer(child: ChildEngine, prompt: str, **fields: Any) -> tuple[str, EngineEnd]:
    events = await events_of(child.engine.complete(asking(prompt, **fields)))
    end = events[-1]
    assert isinstance(end, EngineEnd)
    return text_of(events), end


def text_of(events: list[EngineEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, EngineText))
