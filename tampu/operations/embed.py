"""Vectors for texts: one engine call for a whole batch, inputs cut to the context where the request allows it."""

import math
import time

from tampu.engine.protocol import Engine, EngineVectors
from tampu.errors import BadRequest, ModelNotFound, PromptTooLong
from tampu.generation import Capability, EmbeddingRequest, Embeddings, Timings
from tampu.operations.leasing import lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load
from tampu.options import merge_options

_SMALLEST_NORM = 1e-12
_TOO_LONG = "the input length exceeds the context length"
_UNCUTTABLE = "input exceeds maximum context length and cannot be truncated further"
_LIKELY_BYTES_PER_TOKEN = 4
_SPECIAL_TOKENS = 2
"""One in front and one behind that a tokenizer may add."""


async def embed(services: Services, request: EmbeddingRequest, *, started_ns: int) -> Embeddings:
    """The vectors of `request.inputs`, in order. `started_ns`: time.perf_counter_ns() when the request came.

    Raises ModelNotFound, InvalidParameter, PromptTooLong, BadRequest for vectors that are no numbers, EngineError.
    """
    model = await find_model(services, request.model)
    require_local(model)
    facts = await services.facts.of(model)
    if not facts.capabilities & {Capability.EMBEDDING, Capability.COMPLETION}:
        raise ModelNotFound(request.model)  # its weights are missing
    is_embedding_model = Capability.EMBEDDING in facts.capabilities
    options = merge_options(model.parameters, request.options)
    load = wanted_load(
        model,
        facts,
        options.load,
        services.settings,
        keep_alive=request.keep_alive,
        # An empty request only loads; a chat model is then loaded for chats.
        embedding=is_embedding_model or bool(request.inputs),
    )
    async with lease_for(services, load, asked=request.model) as lease:
        load_ns = time.perf_counter_ns() - started_ns
        if not request.inputs:
            return Embeddings((), timings=_timings(started_ns, load_ns))
        found = await vectors_of(lease.engine, request, normalize=request.normalize or is_embedding_model)
    return Embeddings(
        tuple(_finished(vector, request) for vector in found.vectors),
        prompt_tokens=found.tokens,
        timings=_timings(started_ns, load_ns),
    )


def _timings(started_ns: int, load_ns: int) -> Timings:
    return Timings(total_ns=time.perf_counter_ns() - started_ns, load_ns=load_ns)


async def vectors_of(engine: Engine, request: EmbeddingRequest, *, normalize: bool) -> EngineVectors:
    """The vectors of all inputs, in one call of the engine if all goes well.

    Tokenizing costs a round trip a text, so only texts that are long at first sight are cut beforehand; where the
    engine refuses one, for its context or for a smaller batch, every text is held to the limit that it names.
    """
    limit, bytes_per_token = engine.properties.num_ctx, _LIKELY_BYTES_PER_TOKEN
    while True:
        inputs = [await _fitted(engine, request, text, limit, bytes_per_token) for text in request.inputs]
        try:
            return await engine.embed(inputs, normalize=normalize)
        except PromptTooLong as error:
            named = min(limit, error.limit or limit)
            if not _may_cut(request):
                raise PromptTooLong(_TOO_LONG, tokens=error.tokens, limit=named) from None
            if bytes_per_token == 1 and named == limit:
                raise PromptTooLong(_UNCUTTABLE, tokens=error.tokens, limit=named) from None
        limit, bytes_per_token = named, 1


async def _fitted(
    engine: Engine, request: EmbeddingRequest, text: str, limit: int, bytes_per_token: int
) -> str | list[int]:
    """`text`, cut to `limit` tokens where it takes more; short texts are taken as they are. No token is empty."""
    if len(text.encode()) + _SPECIAL_TOKENS <= limit * bytes_per_token:
        return text
    tokens = await engine.tokenize(text)
    if len(tokens) <= limit:
        return text
    if not _may_cut(request):
        raise PromptTooLong(_TOO_LONG, tokens=len(tokens), limit=limit)
    return _cut(tokens, limit)


def _may_cut(request: EmbeddingRequest) -> bool:
    """The legacy route, which takes vectors as the engine makes them, never cuts."""
    return request.truncate and request.normalize


def _cut(tokens: list[int], limit: int) -> list[int]:
    """The first tokens and the last one: an encoder wants its closing token at the end."""
    if limit <= 1:
        raise BadRequest("input after truncation exceeds maximum context length")
    return [*tokens[: limit - 1], tokens[-1]]


def _finished(values: tuple[float, ...], request: EmbeddingRequest) -> tuple[float, ...]:
    if not all(map(math.isfinite, values)):
        raise BadRequest("embedding contains NaN or Inf values")
    if 0 < request.dimensions < len(values):
        return _normalized(values[: request.dimensions])
    return values


def _normalized(values: tuple[float, ...]) -> tuple[float, ...]:
    norm = max(math.sqrt(math.fsum(value * value for value in values)), _SMALLEST_NORM)
    return tuple(value / norm for value in values)
