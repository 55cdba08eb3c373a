"""Texts to tokens and back, with the vocabulary of a model."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from tampu.errors import BadRequest, ModelNotFound
from tampu.generation import Capability, DetokenizeRequest, JoinedText, Timings, TokenizeRequest, Tokens
from tampu.operations.facts import ModelFacts
from tampu.operations.leasing import lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.prompt import strange_token
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load
from tampu.options import merge_options
from tampu.scheduler.lease import Lease


async def tokenize(services: Services, request: TokenizeRequest, *, started_ns: int) -> Tokens:
    """The tokens of a text. `started_ns`: time.perf_counter_ns() when the request came. Raises ModelNotFound."""
    async with _leased(services, request) as (lease, _):
        load_ns = time.perf_counter_ns() - started_ns
        ids = await lease.engine.tokenize(request.text, add_special=request.add_special)
    return Tokens(tuple(ids), _timings(started_ns, load_ns))


async def detokenize(services: Services, request: DetokenizeRequest, *, started_ns: int) -> JoinedText:
    """The text of tokens; raises ModelNotFound, BadRequest for numbers that are no tokens of the model."""
    async with _leased(services, request) as (lease, facts):
        load_ns = time.perf_counter_ns() - started_ns
        strange = strange_token(request.tokens, facts)
        if strange is not None:
            raise BadRequest(f"tokens holds {strange}, which is no token of this model")
        text = await lease.engine.detokenize(request.tokens)
    return JoinedText(text, _timings(started_ns, load_ns))


@asynccontextmanager
async def _leased(
    services: Services, request: TokenizeRequest | DetokenizeRequest
) -> AsyncGenerator[tuple[Lease, ModelFacts], None]:
    """An engine with the model's vocabulary; one that is loaded for chats (or vectors) serves."""
    model = await find_model(services, request.model)
    require_local(model)
    facts = await services.facts.of(model)
    if not facts.capabilities & {Capability.EMBEDDING, Capability.COMPLETION}:
        raise ModelNotFound(request.model)  # its weights are missing
    options: Mapping[str, object] = request.options
    load = wanted_load(
        model,
        facts,
        merge_options(model.parameters, options).load,
        services.settings,
        keep_alive=request.keep_alive,
        embedding=Capability.EMBEDDING in facts.capabilities,
    )
    async with lease_for(services, load, asked=request.model) as lease:
        yield lease, facts


def _timings(started_ns: int, load_ns: int) -> Timings:
    return Timings(total_ns=time.perf_counter_ns() - started_ns, load_ns=load_ns)
