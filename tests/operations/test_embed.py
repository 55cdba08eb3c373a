"""How texts are held to what an engine takes at once."""

from collections.abc import Sequence

import pytest

from tampu.engine.protocol import EngineVectors
from tampu.errors import PromptTooLong
from tampu.generation import EmbeddingRequest
from tampu.operations.embed import vectors_of
from tests.fakes.engines import FakeEngine, properties_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class NarrowEngine(FakeEngine):
    """Tokens are bytes; no input may have more than `batch`."""

    def __init__(self, batch: int = 100) -> None:
        super().__init__(properties=properties_of(num_ctx=100))
        self.batch = batch
        self.taken: list[list[int]] = []
        self.tokenized = 0

    async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        self.tokenized += 1
        return await super().tokenize(text, add_special=add_special)

    async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
        lengths = [len(item) for item in inputs]
        self.taken.append(lengths)
        if max(lengths) > self.batch:
            raise PromptTooLong("the engine's own words", tokens=max(lengths), limit=self.batch)
        return await super().embed(inputs, normalize=normalize)


def request(*inputs: str, **fields: bool) -> EmbeddingRequest:
    return EmbeddingRequest(model="m", inputs=inputs, **fields)


async def test_short_texts_cost_one_call() -> None:
    engine = NarrowEngine()
    found = await vectors_of(engine, request("a", "b" * 90), normalize=True)
    assert (found.tokens, engine.taken, engine.tokenized) == (91, [[1, 90]], 0)


async def test_a_text_that_is_long_at_first_sight_is_cut_beforehand() -> None:
    engine = NarrowEngine()
    await vectors_of(engine, request("a", "b" * 1000), normalize=True)
    assert (engine.taken, engine.tokenized) == ([[1, 100]], 1)


async def test_a_text_that_the_engine_finds_too_long_is_cut_then() -> None:
    engine = NarrowEngine()
    await vectors_of(engine, request("a", "b" * 200), normalize=True)
    assert engine.taken == [[1, 200], [1, 100]]
    engine = NarrowEngine(batch=40)
    await vectors_of(engine, request("a", "b" * 90, "c" * 1000), normalize=True)
    assert engine.taken == [[1, 90, 100], [1, 40, 40]]


@pytest.mark.parametrize("fields", [{"truncate": False}, {"normalize": False}])
@pytest.mark.parametrize("length", [150, 1000])
async def test_what_may_not_be_cut_is_refused(fields: dict[str, bool], length: int) -> None:
    with pytest.raises(PromptTooLong) as refused:
        await vectors_of(NarrowEngine(), request("a", "b" * length, **fields), normalize=True)
    assert refused.value.message == "the input length exceeds the context length"
    assert (refused.value.tokens, refused.value.limit) == (length, 100)


async def test_an_engine_that_refuses_what_it_asked_for() -> None:
    class Stubborn(NarrowEngine):
        async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
            raise PromptTooLong("no", tokens=5, limit=100)

    with pytest.raises(PromptTooLong, match="cannot be truncated further"):
        await vectors_of(Stubborn(), request("a"), normalize=True)
