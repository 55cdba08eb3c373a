"""Whether a model can do what a request asks, checked in the order in which clients see errors; and what to load."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from tampu.config import Settings
from tampu.deferred import later
from tampu.errors import BadRequest, InvalidParameter, MissingCapability
from tampu.generation import Capability, ChatInput, CompletionInput, GenerationRequest, NamedTool, ToolUse
from tampu.operations.bounds import check_tools
from tampu.operations.facts import ModelFacts
from tampu.operations.media import Fetch, with_readable_media
from tampu.operations.services import Services
from tampu.operations.wanted import wanted_load, wanted_options
from tampu.options import Sampling
from tampu.registry.network import Network
from tampu.scheduler.records import LoadRequest
from tampu.store.model import Model

_fetch_picture: Final = later("tampu.registry.pictures", "fetch_picture")


@dataclass(frozen=True, slots=True)
class Selection:
    """A request that can be honoured: its model, how tokens are chosen and what to load.

    `request.think` is settled: a model that thinks does so unless told not to; so is whether tools are described.
    """

    request: GenerationRequest
    model: Model
    facts: ModelFacts
    sampling: Sampling
    load: LoadRequest

    @property
    def describes_tools(self) -> bool:
        """Whether tools are told in words, because the model's template has no place for them."""
        chat = self.request.input
        return isinstance(chat, ChatInput) and bool(chat.tools) and Capability.TOOLS not in self.facts.capabilities


async def select(services: Services, request: GenerationRequest, model: Model) -> Selection:
    """Check `request` against `model`; raises BadRequest, MissingCapability, InvalidParameter."""
    facts = await services.facts.of(model)
    _check_raw(request)
    request = _with_chosen_tools(request, describes=services.settings.describe_tools)
    _check_capabilities(request, model, facts)
    if isinstance(request.input, ChatInput):
        check_tools(request.input.tools)
    options = wanted_options(model, services.settings, request.options)
    request = await with_readable_media(request, facts.capabilities, _fetching(services.settings))
    request = _with_thinking(request, facts)
    load = wanted_load(
        model, facts, options.load, services.settings, keep_alive=request.keep_alive, shift=request.shift
    )
    sampling = replace(options.sampling, logit_bias=tuple(request.logit_bias.items()))
    return Selection(request, model, facts, sampling, load)


def _fetching(settings: Settings) -> Fetch | None:
    """How pictures are fetched that a request names by address; None where the settings do not allow it."""
    return partial(_fetch_picture, network=Network(settings.ca_file)) if settings.image_urls else None


def _with_thinking(request: GenerationRequest, facts: ModelFacts) -> GenerationRequest:
    if Capability.THINKING not in facts.capabilities:
        return replace(request, think=None) if request.think and request.thinks_if_able else request
    return replace(request, think=True) if request.think is None else request


def _check_raw(request: GenerationRequest) -> None:
    match request.input:
        case CompletionInput(raw=True) as wanted if wanted.template or wanted.system or wanted.context:
            raise BadRequest("raw mode does not support template, system, or context")


def _with_chosen_tools(request: GenerationRequest, *, describes: bool) -> GenerationRequest:
    """The request without tools that it forbids; raises BadRequest where it demands one that it does not offer."""
    chat = request.input
    if not isinstance(chat, ChatInput):
        return request
    offered = {tool.function.name for tool in chat.tools}
    match chat.tool_choice:
        case ToolUse.NONE:
            return replace(request, input=replace(chat, tools=()))
        case NamedTool(name=name) if name not in offered:
            raise InvalidParameter(f'tool_choice names "{name}", which is not among the tools of the request')
        case ToolUse.REQUIRED if not offered:
            raise InvalidParameter("tool_choice demands a call, but the request offers no tools")
    if chat.describe_tools is None:
        return replace(request, input=replace(chat, describe_tools=describes))
    return request


def _check_capabilities(request: GenerationRequest, model: Model, facts: ModelFacts) -> None:
    if request.think and not request.thinks_if_able and Capability.THINKING not in facts.capabilities:
        _refuse(f'"{request.model}" does not support thinking', Capability.THINKING)
    if Capability.COMPLETION not in facts.capabilities or not model.weights:
        verb = "chat" if isinstance(request.input, ChatInput) else "generate"
        _refuse(f'"{request.model}" does not support {verb}', Capability.COMPLETION)
    match request.input:
        case ChatInput() as chat if chat.tools and Capability.TOOLS not in facts.capabilities:
            if not chat.describe_tools:
                _refuse(f"{model.name.full} does not support tools", Capability.TOOLS)
        case CompletionInput(suffix=suffix) if suffix and Capability.INSERT not in facts.capabilities:
            _refuse(f"{model.name.full} does not support insert", Capability.INSERT)


def _refuse(message: str, capability: Capability) -> None:
    raise MissingCapability(message, capability=capability.value)
