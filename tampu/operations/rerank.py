"""Documents in the order of how well they answer a query: one engine call for all of them."""

import math

from tampu.arrival import Arrival
from tampu.engine.protocol import EngineScores
from tampu.errors import BadRequest, MissingCapability, PromptTooLong
from tampu.generation import Rank, Ranking, RerankRequest, Timings
from tampu.operations.leasing import again_if_it_crashes, lease_for
from tampu.operations.models import find_model, require_local
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load, wanted_options


async def rerank(services: Services, request: RerankRequest, *, arrival: Arrival) -> Ranking:
    """The best documents, best first; equal ones in the order of the request.

    Raises ModelNotFound, MissingCapability for a model that does not rank, PromptTooLong, BadRequest for scores that
    are no numbers.
    """
    model = await find_model(services, request.model)
    require_local(model)
    facts = await services.facts.of(model)
    if not facts.is_reranker:
        raise MissingCapability(f'"{request.model}" does not support rerank', capability="rerank")
    options = wanted_options(model, services.settings, request.options)
    load = wanted_load(model, facts, options.load, services.settings, keep_alive=request.keep_alive, embedding=True)

    async def scored() -> tuple[EngineScores, int]:
        async with lease_for(services, load, asked=request.model, arrival=arrival) as lease:
            load_ns = arrival.elapsed_ns()
            return await lease.engine.rerank(request.query, request.documents), load_ns

    try:
        found, load_ns = await again_if_it_crashes(scored)
    except PromptTooLong as error:
        raise _too_long(error) from None
    if not all(map(math.isfinite, found.scores)):
        raise BadRequest("a score is no number; the model does not rank such texts")
    ranks = sorted((Rank(i, score) for i, score in enumerate(found.scores)), key=lambda rank: -rank.score)
    timings = Timings(total_ns=arrival.elapsed_ns(), load_ns=load_ns)
    return Ranking(tuple(ranks[: request.top]), found.tokens, timings)


def _too_long(error: PromptTooLong) -> PromptTooLong:
    message = f"the query and a document have {error.tokens} tokens together, more than the {error.limit} that fit"
    return PromptTooLong(message, tokens=error.tokens, limit=error.limit)
