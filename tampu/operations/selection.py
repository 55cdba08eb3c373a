"""Whether a model can do what a request asks, checked in the order in which clients see errors; and what to load."""

from dataclasses import dataclass, replace

from tampu.errors import BadRequest, MissingCapability
from tampu.generation import Capability, ChatInput, CompletionInput, GenerationRequest
from tampu.operations.facts import ModelFacts
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load
from tampu.options import Sampling, merge_options
from tampu.scheduler.records import LoadRequest
from tampu.store.model import Model


@dataclass(frozen=True, slots=True)
class Selection:
    """A request that can be honoured: its model, how tokens are chosen and what to load.

    `request.think` is settled: a model that thinks does so unless told not to.
    """

    request: GenerationRequest
    model: Model
    facts: ModelFacts
    sampling: Sampling
    load: LoadRequest


async def select(services: Services, request: GenerationRequest, model: Model) -> Selection:
    """Check `request` against `model`; raises BadRequest, MissingCapability, InvalidParameter."""
    facts = await services.facts.of(model)
    _check_raw(request)
    _check_capabilities(request, model, facts)
    if request.think is None and Capability.THINKING in facts.capabilities:
        request = replace(request, think=True)
    options = merge_options(model.parameters, request.options)
    load = wanted_load(
        model, facts, options.load, services.settings, keep_alive=request.keep_alive, shift=request.shift
    )
    return Selection(request, model, facts, options.sampling, load)


def _check_raw(request: GenerationRequest) -> None:
    match request.input:
        case CompletionInput(raw=True) as wanted if wanted.template or wanted.system or wanted.context:
            raise BadRequest("raw mode does not support template, system, or context")


def _check_capabilities(request: GenerationRequest, model: Model, facts: ModelFacts) -> None:
    if request.think and Capability.THINKING not in facts.capabilities:
        _refuse(f'"{request.model}" does not support thinking', Capability.THINKING)
    if Capability.COMPLETION not in facts.capabilities or not model.weights:
        verb = "chat" if isinstance(request.input, ChatInput) else "generate"
        _refuse(f'"{request.model}" does not support {verb}', Capability.COMPLETION)
    match request.input:
        case ChatInput(tools=tools) if tools and Capability.TOOLS not in facts.capabilities:
            _refuse(f"{model.name.full} does not support tools", Capability.TOOLS)
        case CompletionInput(suffix=suffix) if suffix and Capability.INSERT not in facts.capabilities:
            _refuse(f"{model.name.full} does not support insert", Capability.INSERT)


def _refuse(message: str, capability: Capability) -> None:
    raise MissingCapability(message, capability=capability.value)
