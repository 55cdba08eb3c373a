"""How texts are held to what an engine takes at once."""

import math
from collections.abc import Sequence

import pytest

from tampu.engine.protocol import EngineVectors
from tampu.errors import BadRequest, EngineRefused, PromptTooLong
from tampu.generation import EmbeddingRequest
from tampu.operations.embed import in_batches, vectors_of
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
    assert (found.made.tokens, engine.taken, engine.tokenized) == (91, [[1, 90]], 0)


async def test_a_text_that_is_long_at_first_sight_is_cut_beforehand() -> None:
    engine = NarrowEngine()
    await vectors_of(engine, request("a", "b" * 1000), normalize=True)
    assert (engine.taken, engine.tokenized) == ([[1, 100]], 1)


async def test_a_smaller_context_than_the_engine_s_is_held_to_beforehand() -> None:
    engine = NarrowEngine()
    await in_batches(engine, request("a" * 3, "b" * 4), normalize=True, num_ctx=3)
    assert engine.taken == [[3, 3]]


@pytest.mark.parametrize("truncate", [True, False])
async def test_a_context_without_room_for_any_text_is_refused(truncate: bool) -> None:
    with pytest.raises(BadRequest, match="input after truncation exceeds maximum context length"):
        await in_batches(NarrowEngine(), request("a", truncate=truncate), normalize=True, num_ctx=2)
    found = await in_batches(NarrowEngine(), request("abc", normalize=False), normalize=True, num_ctx=2)
    assert found.prompt_tokens == 3


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


async def test_what_was_cut_is_told() -> None:
    found = await vectors_of(NarrowEngine(), request("a", "b" * 1000, "c", "d" * 200), normalize=True)
    assert found.cut == (1, 3)


async def test_very_many_texts_are_batches_of_bounded_size_in_order() -> None:
    engine = NarrowEngine()
    texts = tuple("x" * (1 + number % 90) for number in range(1000))
    answer = await in_batches(engine, request(*texts, "y" * 1000), normalize=True)
    assert [len(batch) for batch in engine.taken] == [256, 256, 256, 233]
    assert [length for batch in engine.taken for length in batch] == [len(text) for text in texts] + [100]
    assert (len(answer.vectors), answer.truncated) == (1001, (1000,))
    assert answer.prompt_tokens == sum(map(len, texts)) + 100


async def test_long_texts_are_not_tokenized_whole() -> None:
    class Noting(NarrowEngine):
        longest = 0

        async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
            self.longest = max(self.longest, len(text))
            return await super().tokenize(text, add_special=add_special)

    engine = Noting()
    await in_batches(engine, request("a" * 1_000_000), normalize=True)
    assert engine.longest == 6400
    with pytest.raises(PromptTooLong) as refused:
        await in_batches(engine, request("a" * 1_000_000, truncate=False), normalize=True)
    assert refused.value.tokens == 1_000_000


async def test_vectors_that_are_no_numbers_are_refused() -> None:
    class Broken(NarrowEngine):
        async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
            return EngineVectors(((1.0, math.nan),) * len(inputs), 1)

    with pytest.raises(BadRequest, match="NaN"):
        await in_batches(Broken(), request("a"), normalize=True)


async def test_an_empty_text_that_has_no_token_is_named() -> None:
    class Wordless(NarrowEngine):
        async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
            if not all(inputs):
                raise EngineRefused(400, '{"error":{"message":"Input content cannot be empty"}}')
            return await super().embed(inputs, normalize=normalize)

    with pytest.raises(BadRequest, match=r"input\[257\] is empty"):
        await in_batches(Wordless(), request(*["a"] * 257, "", "b"), normalize=True)


@pytest.mark.parametrize("dimensions", [0, 1, 3, 7, 8, 9, 2**62])
async def test_fewer_dimensions_are_normalized_anew(dimensions: int) -> None:
    class Wide(NarrowEngine):
        async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
            return EngineVectors(((3.0,) * 8, (0.0,) * 8), 1)

    asked = EmbeddingRequest(model="m", inputs=("a", "b"), dimensions=dimensions)
    long, zero = (await in_batches(Wide(), asked, normalize=True)).vectors
    assert len(long) == len(zero) == (dimensions if 0 < dimensions < 8 else 8)
    if 0 < dimensions < 8:
        assert math.hypot(*long) == pytest.approx(1)
        assert set(zero) == {0.0}
