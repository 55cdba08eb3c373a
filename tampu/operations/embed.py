"""Vectors for texts: one engine call for a whole batch, inputs cut to the context where the request allows it."""

import math
import time

from tampu.engine.protocol import Engine, EngineVector
from tampu.errors import BadRequest, ModelNotFound, PromptTooLong
from tampu.generation import Capability, EmbeddingRequest, Embeddings, Timings
from tampu.operations.leasing import lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load
from tampu.options import merge_options

_SMALLEST_NORM = 1e-12


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
        inputs = await _fitted(lease.engine, request)
        vectors = await lease.engine.embed(inputs, normalize=request.normalize or is_embedding_model)
    return Embeddings(
        tuple(_finished(vector, request) for vector in vectors),
        prompt_tokens=sum(vector.tokens for vector in vectors),
        timings=_timings(started_ns, load_ns),
    )


def _timings(started_ns: int, load_ns: int) -> Timings:
    return Timings(total_ns=time.perf_counter_ns() - started_ns, load_ns=load_ns)


async def _fitted(engine: Engine, request: EmbeddingRequest) -> list[str | list[int]]:
    """The inputs, each cut to the context. No token is shorter than a byte, so short inputs need no tokenizing."""
    limit = engine.properties.num_ctx
    special = 2  # one token in front and one behind that the tokenizer may add
    fitted: list[str | list[int]] = []
    for text in request.inputs:
        if len(text.encode()) + special <= limit:
            fitted.append(text)
            continue
        tokens = await engine.tokenize(text)
        if len(tokens) <= limit:
            fitted.append(text)
        elif request.truncate and request.normalize:
            fitted.append(_cut(tokens, limit))
        else:
            raise PromptTooLong("the input length exceeds the context length", tokens=len(tokens), limit=limit)
    return fitted


def _cut(tokens: list[int], limit: int) -> list[int]:
    """The first tokens and the last one: an encoder wants its closing token at the end."""
    if limit <= 1:
        raise BadRequest("input after truncation exceeds maximum context length")
    return [*tokens[: limit - 1], tokens[-1]]


def _finished(vector: EngineVector, request: EmbeddingRequest) -> tuple[float, ...]:
    values = vector.values
    if not all(map(math.isfinite, values)):
        raise BadRequest("embedding contains NaN or Inf values")
    if 0 < request.dimensions < len(values):
        return _normalized(values[: request.dimensions])
    return values


def _normalized(values: tuple[float, ...]) -> tuple[float, ...]:
    norm = max(math.sqrt(math.fsum(value * value for value in values)), _SMALLEST_NORM)
    return tuple(value / norm for value in values)
