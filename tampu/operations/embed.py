"""Vectors for texts: one engine call for a whole batch, inputs cut to the context where the request allows it.

Very many texts are several batches, so that what an answer costs in memory, and what others wait for, has a bound.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tampu.arrival import Arrival
from tampu.engine.protocol import Engine, EngineVectors
from tampu.errors import BadRequest, EngineRefused, ModelNotFound, PromptTooLong
from tampu.generation import Capability, EmbeddingInput, EmbeddingRequest, Embeddings, Timings
from tampu.operations.facts import ModelFacts
from tampu.operations.leasing import again_if_it_crashes, lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.prompt import strange_token
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load, wanted_options

_SMALLEST_NORM = 1e-12
_TOO_LONG = "the input length exceeds the context length"
_NO_ROOM = "input after truncation exceeds maximum context length"
_UNCUTTABLE = "input exceeds maximum context length and cannot be truncated further"
_LIKELY_BYTES_PER_TOKEN = 4
_MOST_BYTES_PER_TOKEN: Final = 64
"""Text beyond so many bytes for each token of the limit is not even tokenized, if what is before gives them."""
_MOST_TEXTS: Final = 65_536
_BATCH_TEXTS: Final = 256
_BATCH_BYTES: Final = 1 << 20
_NOTHING = "Input content cannot be empty"
_SPECIAL_TOKENS = 2
"""One in front and one behind that a tokenizer may add."""


async def embed(services: Services, request: EmbeddingRequest, *, arrival: Arrival) -> Embeddings:
    """The vectors of `request.inputs`, in order.

    Raises ModelNotFound, InvalidParameter, PromptTooLong, BadRequest for vectors that are no numbers, EngineError.
    """
    model = await find_model(services, request.model)
    require_local(model)
    facts = await services.facts.of(model)
    if not facts.capabilities & {Capability.EMBEDDING, Capability.COMPLETION}:
        raise ModelNotFound(request.model)  # its weights are missing
    _check_tokens(request.inputs, facts)
    is_embedding_model = Capability.EMBEDDING in facts.capabilities
    options = wanted_options(model, services.settings, request.options)
    load = wanted_load(
        model,
        facts,
        options.load,
        services.settings,
        keep_alive=request.keep_alive,
        # An empty request only loads; a chat model is then loaded for chats.
        embedding=is_embedding_model or bool(request.inputs),
    )

    async def made() -> Embeddings:
        async with lease_for(services, load, asked=request.model, arrival=arrival) as lease:
            load_ns = arrival.elapsed_ns()
            if not request.inputs:
                return Embeddings((), timings=_timings(arrival, load_ns))
            may_normalize = request.normalize or is_embedding_model
            bound = options.load.num_ctx if request.holds_to_context else None
            found = await in_batches(lease.engine, request, normalize=may_normalize, num_ctx=bound)
        return replace(found, timings=_timings(arrival, load_ns))

    return await again_if_it_crashes(made)


def _check_tokens(inputs: Sequence[EmbeddingInput], facts: ModelFacts) -> None:
    for place, item in enumerate(inputs):
        if not isinstance(item, str) and (strange := strange_token(item, facts)) is not None:
            raise BadRequest(f"input[{place}] holds {strange}, which is no token of this model; send text")


async def in_batches(
    engine: Engine, request: EmbeddingRequest, *, normalize: bool, num_ctx: int | None = None
) -> Embeddings:
    """The vectors of all inputs in order, without times; raises as `embed` does.

    `num_ctx`: how many tokens of each the caller wants, where an engine cannot be started with so few.
    """
    limit = _limit(engine, request, num_ctx)
    if len(request.inputs) > _MOST_TEXTS:
        raise BadRequest(f"input holds {len(request.inputs)} texts; at most {_MOST_TEXTS} are taken at once")
    vectors: list[Sequence[float]] = []
    cut: list[int] = []
    tokens = 0
    for batch in _batches(request.inputs):
        part = replace(request, inputs=batch)
        found = await vectors_of(engine, part, normalize=normalize, first=len(vectors), limit=limit)
        cut += [len(vectors) + place for place in found.cut]
        # A Python number takes eight times the room of the engine's.
        vectors += [array("f", _finished(vector, request)) for vector in found.made.vectors]
        tokens += found.made.tokens
    return Embeddings(tuple(vectors), prompt_tokens=tokens, truncated=tuple(cut))


def _batches(texts: Sequence[EmbeddingInput]) -> Iterator[tuple[EmbeddingInput, ...]]:
    """The texts in order, a bounded number and length at a time; a longer text is a batch of its own."""
    batch: list[EmbeddingInput] = []
    length = 0
    for text in texts:
        if batch and (len(batch) == _BATCH_TEXTS or length + len(text) > _BATCH_BYTES):
            yield tuple(batch)
            batch, length = [], 0
        batch.append(text)
        length += len(text)
    yield tuple(batch)


def _timings(arrival: Arrival, load_ns: int) -> Timings:
    return Timings(total_ns=arrival.elapsed_ns(), load_ns=load_ns)


@dataclass(frozen=True, slots=True)
class BatchVectors:
    """The vectors of a batch, and which of its inputs were cut."""

    made: EngineVectors
    cut: tuple[int, ...]


def _limit(engine: Engine, request: EmbeddingRequest, num_ctx: int | None) -> int:
    """How many tokens a text may have; raises BadRequest where that leaves no room for any of the text itself."""
    most = engine.properties.num_ctx
    if not request.normalize or num_ctx is None or not 0 < num_ctx < most:
        return most
    if num_ctx <= _SPECIAL_TOKENS:
        raise BadRequest(_NO_ROOM)
    return num_ctx


async def vectors_of(
    engine: Engine, request: EmbeddingRequest, *, normalize: bool, first: int = 0, limit: int | None = None
) -> BatchVectors:
    """The vectors of all inputs, in one call of the engine if all goes well. `first`: the place of the first of them.

    Tokenizing costs a round trip a text, so only texts that are long at first sight are cut beforehand; where the
    engine refuses one, for its context or for a smaller batch, every text is held to the limit that it names.
    """
    most = engine.properties.num_ctx
    limit = most if limit is None else limit
    bytes_per_token = _LIKELY_BYTES_PER_TOKEN if limit == most else 1  # the engine would refuse nothing
    while True:
        inputs = [await _fitted(engine, request, text, limit, bytes_per_token) for text in request.inputs]
        try:
            made = await engine.embed([item for item, _ in inputs], normalize=normalize)
            return BatchVectors(made, tuple(place for place, (_, was_cut) in enumerate(inputs) if was_cut))
        except PromptTooLong as error:
            named = min(limit, error.limit or limit)
            if not _may_cut(request):
                raise PromptTooLong(_TOO_LONG, tokens=error.tokens, limit=named) from None
            if bytes_per_token == 1 and named == limit:
                raise PromptTooLong(_UNCUTTABLE, tokens=error.tokens, limit=named) from None
        except EngineRefused as error:
            if _NOTHING in error.message:
                raise _empty_input(request.inputs, first) from None
            raise
        limit, bytes_per_token = named, 1


def _empty_input(texts: Sequence[EmbeddingInput], first: int) -> BadRequest:
    empty = next((place for place, text in enumerate(texts) if isinstance(text, str) and not text.strip()), 0)
    return BadRequest(f"input[{first + empty}] is empty, and this model has no token for that; leave it out")


async def _fitted(
    engine: Engine, request: EmbeddingRequest, text: EmbeddingInput, limit: int, bytes_per_token: int
) -> tuple[str | list[int], bool]:
    """`text`, cut to `limit` tokens where it takes more; short texts are taken as they are. Whether it was cut."""
    if isinstance(text, str) and len(text.encode()) + _SPECIAL_TOKENS <= limit * bytes_per_token:
        return text, False
    tokens = await _tokens(engine, text, limit, is_enough=_may_cut(request)) if isinstance(text, str) else list(text)
    if len(tokens) <= limit:
        return text if isinstance(text, str) else tokens, False
    if not _may_cut(request):
        raise PromptTooLong(_TOO_LONG, tokens=len(tokens), limit=limit)
    return _cut(tokens, limit), True


async def _tokens(engine: Engine, text: str, limit: int, *, is_enough: bool) -> list[int]:
    """The tokens of `text`; of its beginning only where those `is_enough` and are more than the limit.

    The last ones of a beginning may be other than in the whole text, so there have to be more than are used.
    """
    beginning = text[: limit * _MOST_BYTES_PER_TOKEN]
    if is_enough and len(beginning) < len(text):
        tokens = await engine.tokenize(beginning)
        if len(tokens) > limit + _MOST_BYTES_PER_TOKEN:
            return tokens
    return await engine.tokenize(text)


def _may_cut(request: EmbeddingRequest) -> bool:
    """The legacy route, which takes vectors as the engine makes them, never cuts."""
    return request.truncate and request.normalize


def _cut(tokens: list[int], limit: int) -> list[int]:
    """The first tokens and the last one: an encoder wants its closing token at the end."""
    if limit <= 1:
        raise BadRequest(_NO_ROOM)
    return [*tokens[: limit - 1], tokens[-1]]


def _finished(values: tuple[float, ...], request: EmbeddingRequest) -> tuple[float, ...]:
    if not math.isfinite(sum(values)):
        raise BadRequest("embedding contains NaN or Inf values")
    if 0 < request.dimensions < len(values):
        return _normalized(values[: request.dimensions])
    return values


def _normalized(values: tuple[float, ...]) -> tuple[float, ...]:
    norm = max(math.hypot(*values), _SMALLEST_NORM)
    return tuple(value / norm for value in values)
