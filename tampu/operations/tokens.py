"""Texts to tokens and back, with the vocabulary of a model."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from tampu.arrival import Arrival
from tampu.errors import BadRequest, ModelNotFound
from tampu.generation import Capability, DetokenizeRequest, JoinedText, Timings, TokenizeRequest, Tokens
from tampu.operations.facts import ModelFacts
from tampu.operations.leasing import again_if_it_crashes, lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.prompt import strange_token
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load, wanted_options
from tampu.scheduler.lease import Lease


async def tokenize(services: Services, request: TokenizeRequest, *, arrival: Arrival) -> Tokens:
    """The tokens of a text. Raises ModelNotFound."""

    async def read() -> Tokens:
        async with _leased(services, request, arrival) as (lease, _):
            load_ns = arrival.elapsed_ns()
            ids = await lease.engine.tokenize(request.text, add_special=request.add_special)
        return Tokens(tuple(ids), _timings(arrival, load_ns))

    return await again_if_it_crashes(read)


async def detokenize(services: Services, request: DetokenizeRequest, *, arrival: Arrival) -> JoinedText:
    """The text of tokens; raises ModelNotFound, BadRequest for numbers that are no tokens of the model."""

    async def joined() -> JoinedText:
        async with _leased(services, request, arrival) as (lease, facts):
            load_ns = arrival.elapsed_ns()
            strange = strange_token(request.tokens, facts)
            if strange is not None:
                raise BadRequest(f"tokens holds {strange}, which is no token of this model")
            text = await lease.engine.detokenize(request.tokens)
        return JoinedText(text, _timings(arrival, load_ns))

    return await again_if_it_crashes(joined)


@asynccontextmanager
async def _leased(
    services: Services, request: TokenizeRequest | DetokenizeRequest, arrival: Arrival
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
        wanted_options(model, services.settings, options).load,
        services.settings,
        keep_alive=request.keep_alive,
        embedding=Capability.EMBEDDING in facts.capabilities,
    )
    async with lease_for(services, load, asked=request.model, arrival=arrival) as lease:
        yield lease, facts


def _timings(arrival: Arrival, load_ns: int) -> Timings:
    return Timings(total_ns=arrival.elapsed_ns(), load_ns=load_ns)
